"""A coarse line per KPI, for lists of many: a constant number of queries, whatever the history."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from django.db import connection

from kpis import rollups
from kpis.actual import PERCENTILES
from kpis.buckets import Rolled, Stream, course, read
from kpis.models import KPI, Across, Direction, Rollup, Series

Sparkline = list[tuple[datetime, float]]

YOUNG = timedelta(days=2)


def sparklines(kpis: Iterable[KPI], *, now: datetime, days: int = 30, resolution: str = "") -> dict[int, Sparkline]:
    """A coarse line per KPI, by its id: its series' rollups combined bucket by bucket; hourly in the first two days, then
    daily.

    `resolution` asks for one of the two, however young the measurements are.
    """
    listed, start = list(kpis), now - timedelta(days=days)
    lines = _lines(listed, start, resolution or "day")
    first = _first(lines)
    if resolution or first is None or first < rollups.bucket(now - YOUNG, "day"):
        return lines
    by_hour = _lines(listed, start, "hour")
    first = _first(by_hour)
    return by_hour if first is not None and now - first <= YOUNG else lines


def _first(lines: Mapping[int, Sparkline]) -> datetime | None:
    return min((line[0][0] for line in lines.values() if line), default=None)


def _lines(kpis: Sequence[KPI], start: datetime, resolution: str) -> dict[int, Sparkline]:
    """Where one series stands for the KPI, the database finds it; else its series are combined here."""
    found: dict[int, Sparkline] = {kpi.pk: [] for kpi in kpis}
    alone = [kpi for kpi in kpis if kpi.across in (Across.WORST, Across.NAMED)]
    together = [kpi for kpi in kpis if kpi.across not in (Across.WORST, Across.NAMED)]
    return found | _worst(alone, start, resolution) | _combined(together, start, resolution)


def _combined(kpis: Sequence[KPI], start: datetime, resolution: str) -> dict[int, Sparkline]:
    if not kpis:
        return {}
    streams: dict[int, dict[int, Stream]] = {kpi.pk: {} for kpi in kpis}
    series = Series.objects.filter(kpi_id__in=streams, enabled=True).values_list(*STREAM)
    for pk, kpi_id, subject, environment, origin in series:
        streams[kpi_id][pk] = Stream(subject, environment, origin or "")
    found = {}
    for percentile in (True, False):
        some = {kpi.pk: kpi for kpi in kpis if (kpi.aggregation in PERCENTILES) == percentile}
        of = {pk: kpi_id for kpi_id in some for pk in streams[kpi_id]}
        rows: dict[int, list[Rolled]] = {kpi_id: [] for kpi_id in some}
        needed = Rollup.objects.filter(series_id__in=of, resolution=resolution, at__gte=start)
        for row in read(needed, whole=percentile):
            rows[of[row.series_id]].append(row)
        for kpi_id, kpi in some.items():
            points = course(kpi, rows[kpi_id], streams[kpi_id], samples=False)
            found[kpi_id] = [(point.at, point.value) for point in points]
    return found


STREAM = ("pk", "kpi_id", "subject", "environment", "current__origin")

FIGURE = """CASE
WHEN m.percentile IS NOT NULL THEN CASE WHEN m.points = m.count AND m.count = m.sample_count
  THEN LEAST(GREATEST(m.percentile, m.low), m.high) ELSE m.percentile END
WHEN s.mean THEN CASE WHEN m.count > 0 THEN m.total / m.count ELSE m.plain_total / m.points END
WHEN s.sum THEN m.plain_total
WHEN s.least THEN m.low
WHEN s.most THEN m.high
ELSE m.last END"""
"""`buckets.figure` in SQL."""

SERIES = """(
    SELECT s.id, k.id * 2 + CASE WHEN c.origin LIKE 'result:%%' THEN 0 ELSE 1 END AS line,
      k.aggregation = 'mean' AS mean, k.aggregation = 'sum' AS sum, k.aggregation = 'min' AS least, k.aggregation = 'max' AS most,
      CAST(CASE k.direction WHEN 'lower' THEN 1 ELSE -1 END AS double precision) AS sign
    FROM kpis_kpi k
    JOIN kpis_series s ON s.kpi_id = k.id AND s.enabled AND (k.across <> 'named' OR s.subject = k.across_subject)
    LEFT JOIN kpis_currentvalue c ON c.series_id = s.id
    WHERE k.id IDS LIMIT 1000000000
  ) s"""
"""Each KPI has two lines, of what CI sent and of all else. The limit is none: it keeps what is said of a series from being
worked out for each of its rollups."""

POSTGRESQL = """
SELECT s.line, date_part('epoch', m.at)::bigint / 3600, MAX(s.sign * FIGURE)
FROM SERIES
JOIN kpis_rollup m ON m.series_id = s.id AND m.resolution = 'RESOLUTION' AND m.at >= %s
GROUP BY s.line, m.at"""

SQLITE = """
SELECT place >> 24, place & 16777215, MAX(figure) FROM (
  SELECT (s.line << 24) + CAST((julianday(m.at) - 2440587.5) * 24 + 0.5 AS integer) AS place, s.sign * FIGURE AS figure
  FROM SERIES
  JOIN kpis_rollup m INDEX ON m.series_id = s.id AND m.resolution = 'RESOLUTION' AND m.at >= %s
  LIMIT 1000000000
) GROUP BY place"""
"""It groups by sorting: two numbers a row instead of the columns that they are made of, compared as one, take half of the time.
2440587.5 is the Julian day of 1970."""


def _worst(kpis: Sequence[KPI], start: datetime, resolution: str) -> dict[int, Sparkline]:
    """The worst series of each bucket; what CI sent only where nothing else measured."""
    lines: dict[int, dict[int, float]] = defaultdict(dict)
    for line, hour, figure in _rows([kpi.pk for kpi in kpis], start, resolution):
        lines[line][hour] = figure
    moment = cache(lambda hour: datetime.fromtimestamp(hour * 3600, UTC))
    found = {}
    for kpi in kpis:
        worst = lines[kpi.pk * 2] | lines[kpi.pk * 2 + 1]
        sign = 1 if kpi.direction == Direction.LOWER else -1
        found[kpi.pk] = [(moment(hour), sign * worst[hour]) for hour in sorted(worst)]
    return found


def _rows(kpi_ids: list[int], start: datetime, resolution: str) -> list[tuple[int, int, float]]:
    """(line, hours since 1970, the worst figure where less is better, else its negative), in no order."""
    if not kpi_ids:
        return []
    on_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(
            _statement(connection.vendor, resolution),
            [json.dumps(kpi_ids) if on_sqlite else kpi_ids, connection.ops.adapt_datetimefield_value(start)],
        )
        return list(cursor.fetchall())


@cache
def _statement(vendor: str, resolution: str) -> str:
    """On SQLite days are read out of their index, which must be there: the planner prefers the unique one, and would read every
    row after it."""
    if vendor == "sqlite":
        words = {
            "IDS": "IN (SELECT value FROM json_each(%s))",
            "LEAST": "MIN",
            "GREATEST": "MAX",
            "INDEX": "INDEXED BY rollup_days" if resolution == "day" else "",
        }
    else:
        words = {"IDS": "= ANY((SELECT %s::bigint[])::bigint[])"}
    sql = SQLITE if vendor == "sqlite" else POSTGRESQL
    for name, word in {"SERIES": SERIES, "FIGURE": FIGURE, "RESOLUTION": resolution, **words}.items():
        sql = sql.replace(name, word)
    return sql
