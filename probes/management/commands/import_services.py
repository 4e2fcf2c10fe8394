"""Bring in services from a services.yaml."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from probes import manifest
from probes.importing import Asked, Receipt, load


class Command(BaseCommand):
    help = "Import services; what exists is kept unless --overwrite is given, and every difference is said."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--overwrite", action="store_true", help="Change services that differ from the file.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, write nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            entries = manifest.read(options["file"].read_bytes()).services
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        except manifest.Malformed as error:
            raise CommandError("\n".join(f"{path}: {text}" for path, text in error.errors)) from None
        asked = Asked(actor=None, now=timezone.now(), overwrite=options["overwrite"])
        self.tell(load(entries, asked=asked, dry_run=options["dry_run"]), dry_run=options["dry_run"])

    def tell(self, receipt: Receipt, *, dry_run: bool) -> None:
        for row in receipt.rows:
            if row.what != "same":
                self.stdout.write(f"{row.slug}: {row.what}")
            for line in row.lines:
                self.stdout.write(f"  {line}")
        if receipt.errors:
            raise CommandError("\n".join(["nothing was imported:", *(f"  {path}: {text}" for path, text in receipt.errors)]))
        counts = ", ".join(f"{receipt.count(what)} {word}" for what, word in WORDS)
        self.stdout.write(f"{'would be: ' if dry_run else ''}{counts}")


WORDS = (("create", "created"), ("change", "changed"), ("keep", "kept though they differ"), ("same", "unchanged"))
