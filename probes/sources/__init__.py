"""Where figures come from besides the application's metrics: its database, its cache, the headers of its answers."""

from probes.sources.base import NO_WINDOW, Unread, nothing, remembered

__all__ = ["NO_WINDOW", "Unread", "nothing", "remembered"]
