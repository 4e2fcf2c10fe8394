"""Write every stored secret anew with the first key of FIELD_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outgoing.rotating import rotate


class Command(BaseCommand):
    help = "Encrypt every stored secret anew with the first key of FIELD_KEYS; then the older keys can be given up."

    def handle(self, *args: Any, **options: Any) -> None:
        done = rotate()
        self.stdout.write(f"{done.written} secret{'s' if done.written != 1 else ''} written anew.")
        if done.unreadable:
            lost = "\n".join(f"  {place}" for place in done.unreadable)
            raise CommandError(f"No key of FIELD_KEYS reads these; they stay as they are:\n{lost}")
