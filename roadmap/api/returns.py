"""What a plan costs and returns, in JSON: money to the cent, ratios and rates to ten places, both as decimal texts."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypedDict

from roadmap import roi
from roadmap.reports.money import BenefitRow, LinkRow, MoneyReport, StatedRow

CENT, TEN_PLACES = Decimal("0.01"), Decimal("1e-10")
FORMULAS = {
    "investment": "one-off costs + 12 × monthly costs",
    "return": "12 × monthly benefits",
    "roi": "(return − investment) ÷ investment",
    "return_ratio": "return ÷ investment",
    "npv": "Σ CFₜ ÷ (1 + r)ᵗ with r = (1 + annual)^(1/12) − 1",
    "irr": "the only r > −1 with Σ CFₜ ÷ (1 + r)ᵗ = 0",
    "payback_month": "first month in which the cumulative net cash flow is not negative",
    "realised": "planned × Σ weight × attainment, each held to 0…1; unknown is never counted as realised",
}


class InputsOut(TypedDict):
    one_off: str
    monthly_cost: str
    monthly_benefit: str
    annual_rate: Annotated[str | None, "Null: not stated."]
    months: int


ReturnOut = TypedDict("ReturnOut", {"return": str})


class PlannedOut(ReturnOut):
    """A null cannot be told: for the reason beside it, or for want of an input."""

    investment: str
    net: str
    roi: Annotated[str | None, "0.25 is 25 %."]
    return_ratio: str | None
    monthly_rate: str | None
    npv: str | None
    npv_reason: str
    irr_monthly: str | None
    irr_annual: str | None
    irr_reason: str
    payback_month: int | None
    payback_interpolated_months: str | None
    payback_discounted_month: int | None


class FlowOut(TypedDict):
    month: int
    flow: str
    cumulative: str


class RealisedOut(TypedDict):
    """planned = realised + missed + unknown"""

    planned: str
    realised: str
    missed: str
    unknown: str
    realisation: Annotated[str | None, "Realised ÷ planned; null where nothing is planned."]


class MonthOut(RealisedOut):
    month: Annotated[date, "Its first day."]
    booked: str


class BenefitLinkOut(TypedDict):
    kpi: Annotated[str, "Its key."]
    weight: str
    attainment: Annotated[float | None, "0 to 1, now; null: unknown."]
    status: str


class BenefitReturnOut(RealisedOut):
    """What a whole month brings at this month's attainment."""

    key: str
    name: str
    monthly_amount: str
    kpis: list[BenefitLinkOut]


class SoFarOut(TypedDict):
    to_date: RealisedOut
    booked: Annotated[str, "Money spent."]
    net_to_date: str
    per_month_now: RealisedOut
    months: list[MonthOut]
    benefits: list[BenefitReturnOut]


class ReturnsOut(TypedDict):
    currency: str
    inputs: InputsOut
    planned: PlannedOut
    cash_flow: list[FlowOut]
    realised: SoFarOut
    stated: Annotated[list[Annotated[dict[str, Any], StatedRow]], "What the plan's source states beside it."]
    formulas: dict[str, str]


def returns(report: MoneyReport) -> ReturnsOut:
    return {
        "currency": report.currency,
        "inputs": _inputs(report.plan),
        "planned": _planned(report.summary),
        "cash_flow": [
            {"month": row.month, "flow": _money(row.flow), "cumulative": _money(row.cumulative)} for row in report.flows
        ],
        "realised": _so_far(report),
        "stated": [asdict(row) for row in report.stated],
        "formulas": FORMULAS,
    }


def _inputs(plan: roi.Plan) -> InputsOut:
    return {
        "one_off": _money(plan.one_off),
        "monthly_cost": _money(plan.monthly_cost),
        "monthly_benefit": _money(plan.monthly_benefit),
        "annual_rate": _ratio(plan.annual_rate),
        "months": plan.months,
    }


def _planned(summary: roi.Summary) -> PlannedOut:
    return {
        "investment": _money(summary.investment),
        "return": _money(summary.returned),
        "net": _money(summary.net),
        "roi": _ratio(summary.roi),
        "return_ratio": _ratio(summary.return_ratio),
        "monthly_rate": _ratio(summary.monthly_rate),
        "npv": None if summary.npv is None else _money(summary.npv),
        "npv_reason": summary.npv_reason,
        "irr_monthly": _ratio(summary.irr_monthly),
        "irr_annual": _ratio(summary.irr_annual),
        "irr_reason": summary.irr_reason,
        "payback_month": summary.payback_month,
        "payback_interpolated_months": _ratio(summary.payback_interpolated_months),
        "payback_discounted_month": summary.payback_discounted_month,
    }


def _so_far(report: MoneyReport) -> SoFarOut:
    return {
        "to_date": _realised(report.to_date),
        "booked": _money(report.booked),
        "net_to_date": _money(report.to_date.realised - report.booked),
        "per_month_now": _realised(report.rate),
        "months": [{"month": row.first, "booked": _money(row.booked), **_realised(row.realised)} for row in report.months],
        "benefits": [_benefit(row) for row in report.benefits],
    }


def _benefit(row: BenefitRow) -> BenefitReturnOut:
    return {
        "key": row.benefit.key,
        "name": row.benefit.name,
        "monthly_amount": str(row.benefit.monthly_amount),
        "kpis": [_link(link) for link in row.links],
        **_realised(row.rate),
    }


def _link(link: LinkRow) -> BenefitLinkOut:
    return {"kpi": link.kpi.key, "weight": _places(link.weight), "attainment": link.way, "status": link.status}


def _realised(part: roi.Realised) -> RealisedOut:
    return {
        "planned": _money(part.planned),
        "realised": _money(part.realised),
        "missed": _money(part.missed),
        "unknown": _money(part.unknown),
        "realisation": _ratio(part.realisation),
    }


def _money(value: Decimal) -> str:
    return f"{value.quantize(CENT) + 0:f}"


def _ratio(value: Decimal | None) -> str | None:
    return None if value is None else _places(value)


def _places(value: Decimal) -> str:
    return f"{value.quantize(TEN_PLACES) + 0:f}"
