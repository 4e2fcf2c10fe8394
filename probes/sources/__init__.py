"""Where figures come from besides the application's metrics: its database, its cache, the headers of its answers."""

from probes.sources.base import Unread, remembered

__all__ = ["Unread", "remembered"]
