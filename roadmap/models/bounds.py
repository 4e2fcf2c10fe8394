"""How far the dates and numbers of a plan may reach: what lies outside is a typing error, and no page can be drawn of it."""

from __future__ import annotations

import math
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator

from accounts.days import EARLIEST_DAY, LATEST_DAY
from kpis.points import MOST_VALUE
from roadmap.limits import DAYS, LONGEST_WEEKS, MOST_PHASES

ONE_TO_FIVE = [MinValueValidator(1), MaxValueValidator(5)]

_DAY = f"{DAYS.capitalize()}."
DAY = [MinValueValidator(EARLIEST_DAY, _DAY), MaxValueValidator(LATEST_DAY, _DAY)]

WEEK = [MinValueValidator(1), MaxValueValidator(LONGEST_WEEKS)]
PHASE = [MaxValueValidator(MOST_PHASES)]
PLACE = [MaxValueValidator(32_767)]  # what PostgreSQL holds; SQLite takes any
SECONDS = [MaxValueValidator(366 * 86_400)]

NOT_NEGATIVE = [MinValueValidator(Decimal(0))]
"""Of what is planned and of efforts. A booking may be negative: it corrects an earlier one."""

HOURS = [*NOT_NEGATIVE, MaxValueValidator(Decimal(1_000_000))]
HOURLY = [*NOT_NEGATIVE, MaxValueValidator(Decimal(100_000))]  # with the most hours, what an amount may be
RATE = [*NOT_NEGATIVE, MaxValueValidator(Decimal(10))]
WEIGHT = [MinValueValidator(Decimal("0.001"))]


def finite(value: float) -> None:
    """NaN is neither below nor above any bound."""
    if not math.isfinite(value) or abs(value) > MOST_VALUE:
        raise ValidationError("Write a finite number.")
