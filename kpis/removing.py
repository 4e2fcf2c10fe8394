"""Measurements that are taken out again: their rollups and current values afterwards say what they said without them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from kpis import current, locking, rollups
from kpis.models import Measurement, Rollup, Series
from kpis.remembering import remember
from kpis.rollups import Read, Row
from kpis.stats.histogram import Histogram


def remove(measurements: QuerySet[Measurement], *, now: datetime) -> int:
    """Delete measurements with all that followed from them; returns how many there were."""
    with transaction.atomic():
        kpis = set(measurements.order_by().values_list("series__kpi_id", flat=True))
        locking.states(kpis, now=now)
        # As they stand now that nobody else can take them out.
        found = list(measurements.filter(series__kpi_id__in=kpis).values_list("pk", *rollups.ROW_NAMES))
        groups = rollups.by_series(Row._make(row) for _, *row in found)
        touched = list(Series.objects.filter(pk__in=groups).select_related("kpi").order_by("pk"))
        pruned = rollups.pruned({(row.series_id, rollups.bucket(row.at, "day")) for group in groups.values() for row in group})
        Measurement.objects.filter(pk__in=[pk for pk, *_ in found]).delete()
        for series in touched:
            _take_out(series, groups[series.pk], {day for pk, day in pruned if pk == series.pk})
        current.renew(touched)
        remember([series.kpi for series in touched], now=now)
    return len(found)


def _take_out(series: Series, rows: Sequence[Row], pruned: set[datetime]) -> None:
    for day in sorted({rollups.bucket(row.at, "day") for row in rows} - pruned):
        Rollup.objects.filter(series=series, at__gte=day, at__lt=day + rollups.DAY).delete()
        rollups.rebuild(series, since=day, until=day + rollups.DAY)
    _reduce(series, [row for row in rows if rollups.bucket(row.at, "day") in pruned])


def _reduce(series: Series, rows: Sequence[Row]) -> None:
    """Take measurements out of the rollups of days that cannot be made anew, of which nothing else is known any more.

    Sums, counts and samples are exact; the extremes and the last figure of bare values stay, since the next ones are unknown.
    """
    for part in rollups.parts(rollups.by_series(rows), rollups.sampled(series)):
        gone = part.sums
        kept = Rollup.objects.filter(series=series, resolution=gone.resolution, at=gone.at).first()
        if kept is None:  # an hour that was pruned as well
            continue
        if kept.points == gone.points:
            kept.delete()
            continue
        kept.points -= gone.points
        kept.count -= gone.samples
        kept.total -= gone.total
        kept.plain_total -= gone.plain_total
        if part.histogram is not None and kept.histogram is not None:
            left = Histogram.from_bytes(kept.histogram).without(part.histogram)
            for name, value in Read.of(left, part.percent)._asdict().items() if left.count else Read()._asdict().items():
                setattr(kept, name, value)
        kept.save()
