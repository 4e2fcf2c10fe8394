"""The one currency of all that measures."""

from datetime import datetime

import msgspec

from kpis.stats.histogram import Histogram


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One named figure in its base unit (ms, ratio, bytes, 1/s, count).

    `histogram` holds the samples behind a latency; `reported` marks a percentile that the source gave ready-made
    (never merged as if exact); `low` and `high` bound the value where the source only knows a bucket.
    """

    metric: str
    value: float
    unit: str
    at: datetime
    count: int = 1
    histogram: Histogram | None = None
    reported: bool = False
    low: float | None = None
    high: float | None = None
    note: str = ""
