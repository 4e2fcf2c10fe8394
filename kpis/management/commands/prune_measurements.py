"""`manage.py prune_measurements`: delete what is past its time; the beat schedule does the same."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from kpis.retention import prune


class Command(BaseCommand):
    help = "Delete raw measurements and hourly rollups that are past their time (KEEP_RAW_DAYS, KEEP_HOURS_DAYS)."

    def handle(self, *args: Any, **options: Any) -> None:
        found = prune(now=timezone.now())
        self.stdout.write(f"Deleted {found.measurements} measurements and {found.hours} hourly rollups.")
