"""What the plan costs and returns: planned by its rows, realised by its KPIs, and what the source states beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from django.db.models import Prefetch

from kpis.models import KPI
from roadmap import judging, roi
from roadmap.drawing.flow import FlowChart, flow_chart
from roadmap.models import Benefit, BenefitKpi, Cost, CostEntry, CostKind, Roadmap
from roadmap.reports.phases import Standings
from roadmap.wording import SYMBOLS, percent, whole_money


@dataclass(frozen=True, kw_only=True)
class CostRow:
    cost: Cost
    planned: Decimal | None
    yearly: Decimal | None
    booked: Decimal


@dataclass(frozen=True, kw_only=True)
class LinkRow:
    """`way` is the KPI's attainment now, held to 0…1; None: unknown."""

    kpi: KPI
    weight: Decimal
    way: float | None
    status: str


@dataclass(frozen=True, kw_only=True)
class BenefitRow:
    """What a whole month brings at this month's attainment."""

    benefit: Benefit
    links: tuple[LinkRow, ...]
    rate: roi.Realised

    @property
    def unknown_share(self) -> Decimal:
        return self.rate.unknown / self.rate.planned if self.rate.planned else Decimal(0)


@dataclass(frozen=True, kw_only=True)
class MonthRow:
    """One calendar month so far: the part of its benefits that the days passed should have brought."""

    first: date
    realised: roi.Realised
    booked: Decimal
    cumulative: Decimal


@dataclass(frozen=True, kw_only=True)
class FlowRow:
    month: int
    flow: Decimal
    cumulative: Decimal


@dataclass(frozen=True, kw_only=True)
class StatedRow:
    figure: str
    stated: str
    computed: str
    why: str
    agrees: bool


@dataclass(frozen=True, kw_only=True)
class MoneyReport:
    roadmap: Roadmap
    plan: roi.Plan
    summary: roi.Summary
    costs: tuple[CostRow, ...]
    benefits: tuple[BenefitRow, ...]
    rate: roi.Realised
    months: tuple[MonthRow, ...]
    booked: Decimal
    flows: tuple[FlowRow, ...]
    stated: tuple[StatedRow, ...]
    unpriced: int

    @property
    def currency(self) -> str:
        return self.roadmap.currency

    @property
    def empty(self) -> bool:
        return not self.costs and not self.benefits

    @property
    def disagreement(self) -> StatedRow | None:
        return next((row for row in self.stated if not row.agrees), None)

    @property
    def chart(self) -> FlowChart:
        return flow_chart(
            self.summary.cumulative,
            crossing=self.summary.payback_interpolated_months,
            symbol=SYMBOLS.get(self.currency, ""),
        )

    @property
    def to_date(self) -> roi.Realised:
        return roi.total([row.realised for row in self.months])

    @property
    def payback_on(self) -> date | None:
        month = self.summary.payback_month
        return None if month is None else add_months(self.roadmap.starts_on, month)


def money(roadmap: Roadmap, current: Standings, *, now: datetime) -> MoneyReport:
    costs = list(Cost.objects.filter(roadmap=roadmap))
    entries = list(CostEntry.objects.filter(cost__roadmap=roadmap).values_list("cost_id", "booked_on", "amount"))
    links = Prefetch("links", BenefitKpi.objects.select_related("kpi"))
    benefits = list(Benefit.objects.filter(roadmap=roadmap).prefetch_related(links))
    realised = judging.realised_months(benefits, starts_on=roadmap.starts_on, now=now)
    plan = plan_of(roadmap, costs, benefits)
    rows = tuple(_benefit(benefit, realised[benefit.pk], current) for benefit in benefits)
    summary = roi.summarise(plan)
    return MoneyReport(
        roadmap=roadmap,
        plan=plan,
        summary=summary,
        costs=tuple(_cost(cost, entries) for cost in costs),
        benefits=rows,
        rate=roi.total([row.rate for row in rows]),
        months=_months(realised, entries),
        booked=sum((amount for _, _, amount in entries), Decimal(0)),
        flows=tuple(
            FlowRow(month=month, flow=flow, cumulative=total)
            for month, (flow, total) in enumerate(zip(summary.flows, summary.cumulative, strict=True))
        ),
        stated=stated_rows(roadmap, summary, costs, benefits),
        unpriced=sum(cost.planned is None for cost in costs),
    )


def plan_of(roadmap: Roadmap, costs: Sequence[Cost], benefits: Sequence[Benefit]) -> roi.Plan:
    """A cost without an amount counts as nothing; the page says how many there are."""

    def planned(kind: str) -> Decimal:
        return sum((cost.planned or Decimal(0) for cost in costs if cost.kind == kind), Decimal(0))

    return roi.Plan(
        one_off=planned(CostKind.ONE_OFF),
        monthly_cost=planned(CostKind.MONTHLY),
        monthly_benefit=sum((benefit.monthly_amount for benefit in benefits), Decimal(0)),
        annual_rate=roadmap.discount_rate,
    )


def add_months(day: date, months: int) -> date:
    """The first of the month that lies so many months on."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, 1)


def _cost(cost: Cost, entries: Sequence[tuple[int, date, Decimal]]) -> CostRow:
    planned = cost.planned
    times = 12 if cost.kind == CostKind.MONTHLY else 1
    return CostRow(
        cost=cost,
        planned=planned,
        yearly=None if planned is None else planned * times,
        booked=sum((amount for owner, _, amount in entries if owner == cost.pk), Decimal(0)),
    )


def _benefit(benefit: Benefit, months: Sequence[judging.Month], current: Standings) -> BenefitRow:
    links = list(benefit.links.all())
    whole = sum((link.weight for link in links), Decimal(0))
    return BenefitRow(
        benefit=benefit,
        links=tuple(_link(link, link.weight / whole, current) for link in links),
        rate=_rate(benefit.monthly_amount, months),
    )


def _link(link: BenefitKpi, weight: Decimal, current: Standings) -> LinkRow:
    standing = current.get(link.kpi_id)
    status = str(standing.status) if standing else "no_data"
    way = standing.attainment if standing and status not in ("no_data", "stale", "no_target") else None
    return LinkRow(kpi=link.kpi, weight=weight, way=None if way is None else min(1.0, max(0.0, way)), status=status)


def _rate(amount: Decimal, months: Sequence[judging.Month]) -> roi.Realised:
    """The newest month stretched to a whole one; before the plan starts, nothing is realised and nothing is unknown."""
    if not months:
        return roi.Realised(planned=amount, realised=Decimal(0), missed=amount, unknown=Decimal(0))
    newest = months[-1]
    return roi.Realised(
        planned=amount,
        realised=newest.realised.realised / newest.share,
        missed=newest.realised.missed / newest.share,
        unknown=newest.realised.unknown / newest.share,
    )


def _months(
    realised: Mapping[int, Sequence[judging.Month]], entries: Sequence[tuple[int, date, Decimal]]
) -> tuple[MonthRow, ...]:
    """Every month that has benefits or bookings, with the net of all before it."""
    parts: dict[date, list[roi.Realised]] = {}
    for months in realised.values():
        for month in months:
            parts.setdefault(month.first, []).append(month.realised)
    booked: dict[date, Decimal] = {}
    for _, on, amount in entries:
        booked[on.replace(day=1)] = booked.get(on.replace(day=1), Decimal(0)) + amount
    rows: list[MonthRow] = []
    net = Decimal(0)
    for first in sorted(parts.keys() | booked.keys()):
        brought = roi.total(parts.get(first, []))
        net += brought.realised - booked.get(first, Decimal(0))
        rows.append(MonthRow(first=first, realised=brought, booked=booked.get(first, Decimal(0)), cumulative=net))
    return tuple(rows)


def stated_rows(
    roadmap: Roadmap, summary: roi.Summary, costs: Sequence[Cost], benefits: Sequence[Benefit]
) -> tuple[StatedRow, ...]:
    """What the source states beside what its own rows give. A stated figure is shown and never used."""
    currency = roadmap.currency
    rows = [_stated_total(roadmap, "investment", "Investment, 12 months", summary.investment, "one-off + 12 × monthly costs")]
    terms = " + ".join(f"{benefit.monthly_amount:,.0f}" for benefit in benefits)
    rows.append(_stated_total(roadmap, "annual_return", "Return, 12 months", summary.returned, f"The rows give ({terms}) × 12"))
    rows.append(_stated_roi(roadmap, summary))
    for benefit in benefits:
        if benefit.stated_roi_pct is not None and summary.investment:
            ratio = 12 * benefit.monthly_amount / summary.investment
            agrees = abs(ratio * 100 - benefit.stated_roi_pct) < 1
            why = "12 × its amount ÷ investment is a return ratio, not an ROI" if agrees else "12 × its amount ÷ investment"
            rows.append(
                StatedRow(
                    figure=f"“ROI” of {benefit.name[:1].lower()}{benefit.name[1:]}",
                    stated=percent(benefit.stated_roi_pct / 100, 2),
                    computed=f"ratio {ratio:.2f}",
                    why=why,
                    agrees=agrees,
                )
            )
    for cost in costs:
        row = _cost(cost, ())
        if cost.stated_total is not None and row.yearly is not None:
            agrees = cost.stated_total == row.yearly
            stated, computed = whole_money(cost.stated_total, currency), whole_money(row.yearly, currency)
            rows.append(StatedRow(figure=f"{cost.name}, 12 months", stated=stated, computed=computed, why="", agrees=agrees))
    return tuple(row for row in rows if row is not None)


def _amount(roadmap: Roadmap, key: str) -> Decimal | None:
    try:
        return Decimal(str(roadmap.stated[key]))
    except (KeyError, InvalidOperation, TypeError):
        return None


def _stated_total(roadmap: Roadmap, key: str, figure: str, computed: Decimal, why: str) -> StatedRow | None:
    stated = _amount(roadmap, key)
    if stated is None:
        return None
    return StatedRow(
        figure=figure,
        stated=whole_money(stated, roadmap.currency),
        computed=whole_money(computed, roadmap.currency),
        why=why,
        agrees=stated == computed,
    )


def _stated_roi(roadmap: Roadmap, summary: roi.Summary) -> StatedRow | None:
    stated, returned = _amount(roadmap, "annual_roi_pct"), _amount(roadmap, "annual_return")
    if stated is None or summary.roi is None:
        return None
    why = "(return − investment) ÷ investment"
    if returned is not None and summary.investment and abs(returned / summary.investment * 100 - stated) < 1:
        why = (
            f"{percent(stated / 100)} is {returned:,.0f} ÷ {summary.investment:,.0f}, a return ratio of the stated return; "
            f"as ROI it would be {percent(returned / summary.investment - 1)}"
        )
    return StatedRow(
        figure="Annual ROI",
        stated=percent(stated / 100),
        computed=percent(summary.roi),
        why=why,
        agrees=abs(summary.roi * 100 - stated) < 1,
    )
