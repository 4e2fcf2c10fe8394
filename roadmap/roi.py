"""Return on investment by the standard formulas. Amounts are decimals of one currency, never floats.

Month 0 is the start: one-off costs fall there, monthly costs and benefits at the end of months 1…n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from roadmap.rates import irr

ZERO = Decimal(0)
ONE = Decimal(1)
MONTHS = 12


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is planned: money out once, money out and in per month; `annual_rate` None is *not stated*."""

    one_off: Decimal
    monthly_cost: Decimal
    monthly_benefit: Decimal
    annual_rate: Decimal | None = None
    months: int = MONTHS


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything computed from a plan. A None says: cannot be told, for the reason beside it or for want of an input."""

    investment: Decimal
    returned: Decimal
    net: Decimal
    roi: Decimal | None
    return_ratio: Decimal | None
    monthly_rate: Decimal | None
    npv: Decimal | None
    npv_reason: str
    irr_monthly: Decimal | None
    irr_annual: Decimal | None
    irr_reason: str
    payback_month: int | None
    payback_interpolated_months: Decimal | None
    payback_discounted_month: int | None
    flows: tuple[Decimal, ...]
    cumulative: tuple[Decimal, ...]


def investment(plan: Plan) -> Decimal:
    """One-off costs + n × monthly costs."""
    return plan.one_off + plan.months * plan.monthly_cost


def returned(plan: Plan) -> Decimal:
    """n × monthly benefits."""
    return plan.months * plan.monthly_benefit


def roi(invested: Decimal, gained: Decimal) -> Decimal | None:
    """(return − investment) ÷ investment; 1 is 100 %. None where nothing is invested."""
    return (gained - invested) / invested if invested else None


def return_ratio(invested: Decimal, gained: Decimal) -> Decimal | None:
    """Return ÷ investment, which some documents call ROI. None where nothing is invested."""
    return gained / invested if invested else None


def cash_flow(plan: Plan) -> tuple[Decimal, ...]:
    """Net flow of months 0…n."""
    return (-plan.one_off, *([plan.monthly_benefit - plan.monthly_cost] * plan.months))


def cumulative(flows: Sequence[Decimal]) -> tuple[Decimal, ...]:
    return tuple(accumulate(flows))


def monthly_rate(annual_rate: Decimal) -> Decimal:
    """(1 + annual)^(1/12) − 1."""
    return (ONE + annual_rate) ** (ONE / 12) - ONE


def discounted(flows: Sequence[Decimal], rate: Decimal) -> tuple[Decimal, ...]:
    """Each month's flow at today's worth, `rate` per month."""
    return tuple(flow / (ONE + rate) ** month for month, flow in enumerate(flows))


def npv(flows: Sequence[Decimal], rate: Decimal) -> Decimal:
    """Σ CFₜ ÷ (1 + rate)ᵗ, `rate` per month."""
    return sum(discounted(flows, rate), ZERO)


def payback_month(flows: Sequence[Decimal]) -> int | None:
    """First month in which the cumulative flow is not negative; None where there is none within the flows."""
    return next((month for month, total in enumerate(cumulative(flows)) if total >= 0), None)


def payback_interpolated(flows: Sequence[Decimal]) -> Decimal | None:
    """The point within the payback month where the cumulative flow crosses 0, in months, taken linearly."""
    month = payback_month(flows)
    if month is None or month == 0:
        return None if month is None else ZERO
    before = cumulative(flows)[month - 1]
    return (month - 1) - before / flows[month]


def summarise(plan: Plan) -> Summary:
    invested, gained, flows = investment(plan), returned(plan), cash_flow(plan)
    rate = None if plan.annual_rate is None else monthly_rate(plan.annual_rate)
    internal = irr(flows)
    return Summary(
        investment=invested,
        returned=gained,
        net=gained - invested,
        roi=roi(invested, gained),
        return_ratio=return_ratio(invested, gained),
        monthly_rate=rate,
        npv=None if rate is None else npv(flows, rate),
        npv_reason="" if rate is not None else "no discount rate is stated",
        irr_monthly=internal.rate,
        irr_annual=None if internal.rate is None else (ONE + internal.rate) ** 12 - ONE,
        irr_reason=internal.reason,
        payback_month=payback_month(flows),
        payback_interpolated_months=payback_interpolated(flows),
        payback_discounted_month=None if rate is None else payback_month(discounted(flows, rate)),
        flows=flows,
        cumulative=cumulative(flows),
    )


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one KPI contributes to a benefit in a month: its weight, its mean attainment over the days that are known
    (None: none is), and the share 0…1 of the month's days that are known."""

    weight: Decimal
    attainment: float | None
    known: Decimal = ONE


@dataclass(frozen=True, kw_only=True)
class Realised:
    """planned = realised + missed + unknown; `realisation` is realised ÷ planned."""

    planned: Decimal
    realised: Decimal
    missed: Decimal
    unknown: Decimal

    @property
    def realisation(self) -> Decimal | None:
        return self.realised / self.planned if self.planned else None

    @property
    def unknown_share(self) -> Decimal | None:
        return self.unknown / self.planned if self.planned else None


def part_of(weight: Decimal, daily: Sequence[float | None]) -> Part:
    """The part of a KPI from its attainment day by day; None is a day without data, target or baseline, or stale."""
    known = [value for value in daily if value is not None]
    if not known:
        return Part(weight=weight, attainment=None)
    return Part(weight=weight, attainment=sum(known) / len(known), known=Decimal(len(known)) / len(daily))


def realise(monthly_amount: Decimal, parts: Sequence[Part], month_share: Decimal = ONE) -> Realised:
    """A month's benefit by the attainment of its KPIs, each held to 0…1; `month_share` is the part of the month that
    has passed. A benefit without KPIs is unknown as a whole."""
    planned = monthly_amount * month_share
    weights = sum((part.weight for part in parts), ZERO)
    if not weights:
        return Realised(planned=planned, realised=ZERO, missed=ZERO, unknown=planned)
    reached = unknown = ZERO
    for part in parts:
        if part.attainment is None:
            unknown += part.weight
            continue
        reached += part.weight * part.known * Decimal(str(min(1.0, max(0.0, part.attainment))))
        unknown += part.weight * (ONE - part.known)
    realised, dark = planned * (reached / weights), planned * (unknown / weights)
    return Realised(planned=planned, realised=realised, missed=max(ZERO, planned - realised - dark), unknown=dark)


def total(parts: Sequence[Realised]) -> Realised:
    return Realised(
        planned=sum((part.planned for part in parts), ZERO),
        realised=sum((part.realised for part in parts), ZERO),
        missed=sum((part.missed for part in parts), ZERO),
        unknown=sum((part.unknown for part in parts), ZERO),
    )
