"""Write all services as a services.yaml, without their secrets."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from probes import manifest
from probes.importing import entries_of
from probes.models import Service


class Command(BaseCommand):
    help = "Export services with their probes and feeds as YAML; secrets are never part of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", help="Only these; all without any.")

    def handle(self, *args: Any, **options: Any) -> None:
        services = Service.objects.filter(archived_at=None)
        if options["slugs"]:
            services = services.filter(slug__in=options["slugs"])
        self.stdout.write(manifest.write(entries_of(services)), ending="")
