"""`manage.py verify_rollups`: compare the rollups with the raw measurements that are kept."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from kpis import rollups
from kpis.models import Series
from kpis.retention import raw_from


class Command(BaseCommand):
    help = "Compare hourly and daily rollups with raw measurements; fails when they differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scorecard", help="Only the series of this scorecard (its slug).")

    def handle(self, *args: Any, **options: Any) -> None:
        series = Series.objects.select_related("kpi").order_by("pk")
        if options["scorecard"]:
            series = series.filter(kpi__scorecard__slug=options["scorecard"])
        wrong = 0
        for one in series:
            for line in rollups.differences(one, since=raw_from(timezone.now())):
                wrong += 1
                self.stdout.write(f"{one.kpi.key} {one}: {line}")
        if wrong:
            raise CommandError(f"{wrong} rollups differ from the raw measurements; `rebuild_rollups` makes them anew.")
        self.stdout.write(f"The rollups of {len(series)} series agree with the raw measurements.")
