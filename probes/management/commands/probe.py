"""Look at an address as a registration would, and save nothing."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from kpis.models import KPI
from probes import manifest, showing
from probes.discovery import discover
from probes.registering import Wrong, check_headers, check_places, headers_of
from probes.running import policy


class Command(BaseCommand):
    help = "Look at a service: reachable, TLS, metrics, health, routes, and the probes that would measure it. Saves nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="Base address, such as http://orders.internal:8000")
        parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="Sent along; may be repeated.")
        parser.add_argument("--metrics", default="", help="Where its metrics are, if elsewhere than usual.")
        parser.add_argument("--health", default="", help="Its health path, if elsewhere than usual.")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="As the API tells it.")
        form.add_argument("--yaml", action="store_true", help="What was proposed, as a services.yaml to import.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            headers = headers_of("\n".join(options["header"]))
            check_headers(headers)
            check_places({"metrics_url": options["metrics"], "health_path": options["health"]})
        except Wrong as wrong:
            raise CommandError(str(wrong)) from None
        found = asyncio.run(
            discover(
                options["url"], policy=policy(), clock=timezone.now, headers=headers, metrics_url=options["metrics"],
                health_path=options["health"],
            )
        )  # fmt: skip
        kpis = list(KPI.objects.active().select_related("scorecard"))
        if options["json"]:
            self.stdout.write(json.dumps(showing.as_data(found, kpis), indent=2))
        elif options["yaml"] and not found.refused:
            self.stdout.write(manifest.write([showing.proposed(found, kpis)]))
        else:
            self.stdout.write("\n".join(showing.lines(found, kpis)))
        if not found.reachable:
            raise CommandError("It cannot be measured as it is.")
