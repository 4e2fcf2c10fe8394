"""`manage.py rebuild_rollups`: make the rollups anew from the raw measurements that are kept."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from kpis import current, locking, rollups
from kpis.models import Series
from kpis.retention import raw_from


class Command(BaseCommand):
    help = "Make hourly and daily rollups and current values anew from raw measurements."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scorecard", help="Only the series of this scorecard (its slug).")

    def handle(self, *args: Any, **options: Any) -> None:
        series = Series.objects.select_related("kpi").order_by("pk")
        if options["scorecard"]:
            series = series.filter(kpi__scorecard__slug=options["scorecard"])
        written = 0
        for one in series:
            with transaction.atomic():
                locking.states([one.kpi_id], now=timezone.now())
                written += rollups.rebuild(one, since=raw_from(timezone.now()))
                current.renew([one])
        self.stdout.write(f"{written} rollups of {len(series)} series written.")
