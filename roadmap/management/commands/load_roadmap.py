"""Load a roadmap file."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from roadmap import document, loading


class Command(BaseCommand):
    help = "Load a roadmap file; again and again, without overwriting what people changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--start", type=date.fromisoformat, metavar="DATE", help="First day of week 1 (default: Monday of this week)."
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, write nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = document.read(options["file"].read_bytes())
            receipt = loading.load(plan, now=timezone.now(), starts_on=options["start"], dry_run=options["dry_run"])
        except (OSError, document.Malformed) as error:
            raise CommandError(str(error)) from error
        for line in receipt.kept:
            self.stdout.write(f"kept as people left it: {line}")
        for name in receipt.unknown_people:
            self.stdout.write(f"nobody here is called {name}")
        counts = f"{len(receipt.created)} created, {len(receipt.changed)} changed, {receipt.unchanged} unchanged"
        self.stdout.write(f"{receipt.slug}{' would be' if options['dry_run'] else ''}: {counts}")
