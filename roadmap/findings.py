"""The plan check: what contradicts itself, what cannot work, and what is not stated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from kpis.evaluation import Goal
from roadmap import roi
from roadmap.document import Document

CONTRADICTION, NOTICE, NOT_STATED = "contradiction", "notice", "not_stated"
HUNDRED = Decimal(100)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`kind` is contradiction, notice or not_stated; `stated` and `computed` are the two figures where there are two."""

    code: str
    kind: Annotated[str, [(kind, kind) for kind in (CONTRADICTION, NOTICE, NOT_STATED)]]
    subject: str
    text: str
    stated: str = ""
    computed: str = ""


def check(document: Document) -> list[Finding]:
    """Everything that does not add up or is missing, contradictions first."""
    found = [*_totals(document), *_rows(document), *_goals(document), *_plan(document), *_targets(document), *_missing(document)]
    order = (CONTRADICTION, NOTICE, NOT_STATED)
    return sorted(found, key=lambda finding: order.index(finding.kind))


def money_plan(document: Document) -> roi.Plan:
    """The plan's sums; a cost without an amount counts as nothing (and is a finding)."""
    one_off = monthly = roi.ZERO
    for cost in document.costs:
        amount = _amount(cost.amount, cost.hours, cost.rate) or roi.ZERO
        one_off += amount if cost.kind == "one_off" else roi.ZERO
        monthly += amount if cost.kind == "monthly" else roi.ZERO
    benefit = sum((benefit.monthly_amount for benefit in document.benefits), roi.ZERO)
    return roi.Plan(one_off=one_off, monthly_cost=monthly, monthly_benefit=benefit, annual_rate=document.roadmap.discount_rate)


def _totals(document: Document) -> Iterator[Finding]:
    plan, stated = money_plan(document), document.roadmap.stated
    invested, gained = roi.investment(plan), roi.returned(plan)
    for code, name, computed in (("investment", "Investment", invested), ("annual_return", "Annual return", gained)):
        told = _decimal(stated.get(code))
        if told is not None and told != computed:
            yield Finding(
                code=f"{code}_total", kind=CONTRADICTION, subject=name, stated=_money(told), computed=_money(computed),
                text=f"The stated total is {_money(told)}; its rows give {_money(computed)}.{_where_from(document, told)}",
            )  # fmt: skip
    told, value, ratio = _decimal(stated.get("annual_roi_pct")), roi.roi(invested, gained), roi.return_ratio(invested, gained)
    if told is None or value is None or ratio is None or abs(told - value * HUNDRED) < 1:
        return
    yield Finding(
        code="annual_roi", kind=CONTRADICTION, subject="Annual ROI", stated=f"{told:f} %", computed=f"{value * HUNDRED:.0f} %",
        text=f"Stated {told:f} %; the rows give an ROI of {value * HUNDRED:.0f} % and a return ratio of {ratio:.2f}."
        f"{_is_a_ratio(told, _decimal(stated.get('annual_return')), invested)}",
    )  # fmt: skip


def _where_from(document: Document, told: Decimal) -> str:
    row = next((benefit for benefit in document.benefits if roi.MONTHS * benefit.monthly_amount == told), None)
    return f" It equals one row alone: {row.name}, 12 × {_money(row.monthly_amount)}." if row else ""


def _is_a_ratio(told: Decimal, returned: Decimal | None, invested: Decimal) -> str:
    if returned is None or abs(returned / invested * HUNDRED - told) >= 1:
        return ""
    real = roi.roi(invested, returned) or roi.ZERO
    return f" It is {_money(returned)} ÷ {_money(invested)}, a return ratio; as ROI that would be {real * HUNDRED:.0f} %."


def _rows(document: Document) -> Iterator[Finding]:
    invested = roi.investment(money_plan(document))
    for cost in document.costs:
        amount = _amount(cost.amount, cost.hours, cost.rate)
        if amount is None:
            yield _unstated("cost_amount", cost.name, "How much it costs is not stated; it counts as nothing.")
            continue
        computed = amount * (roi.MONTHS if cost.kind == "monthly" else 1)
        if cost.stated_total is not None and cost.stated_total != computed:
            yield Finding(
                code="cost_total", kind=CONTRADICTION, subject=cost.name, stated=_money(cost.stated_total),
                computed=_money(computed), text=f"Stated {_money(cost.stated_total)} for a year; it is {_money(computed)}.",
            )  # fmt: skip
    for benefit in document.benefits:
        if benefit.stated_roi_pct is None or not invested:
            continue
        ratio = roi.MONTHS * benefit.monthly_amount / invested * HUNDRED
        if abs(ratio - benefit.stated_roi_pct) < 1:
            yield Finding(
                code="benefit_ratio", kind=NOTICE, subject=benefit.name, stated=f"{benefit.stated_roi_pct:f} %",
                computed=f"{ratio:.1f} %",
                text="Its stated ROI is its share of the return ratio (12 × saving ÷ whole investment), not an ROI.",
            )  # fmt: skip
        else:
            yield Finding(
                code="benefit_roi", kind=CONTRADICTION, subject=benefit.name, stated=f"{benefit.stated_roi_pct:f} %",
                computed=f"{ratio:.1f} %", text="Its stated ROI does not follow from its saving and the investment.",
            )  # fmt: skip


def _goals(document: Document) -> Iterator[Finding]:
    """Improvements that the document states beside a baseline and a target that give another."""
    kpis = {str(kpi["key"]): kpi for kpi in document.scorecard.get("kpis", [])}
    for goal in document.roadmap.stated.get("goals", []):
        kpi = kpis.get(goal.get("kpi"), {})
        target = kpi.get("target") or {}
        baseline, value = _decimal(target.get("baseline")), _decimal(target.get("value"))
        promised = _decimal(goal.get("change_pct"))
        if not baseline or value is None or promised is None:
            continue
        computed = (value - baseline) / baseline * HUNDRED
        if abs(computed - promised) >= 1:
            yield Finding(
                code="goal_change", kind=CONTRADICTION, subject=str(kpi["name"]), stated=f"{promised:+f} %",
                computed=f"{computed:+.1f} %",
                text=f"Stated as {promised:+f} %; from {baseline:f} to {value:f} {kpi['unit']} it is {computed:+.1f} %.",
            )  # fmt: skip
    for other in document.roadmap.stated.get("elsewhere", []):
        name = str(kpis.get(other.get("kpi"), {}).get("name", other.get("kpi")))
        text = f"{other.get('where')} states the {other.get('what')} value otherwise: {other.get('text')}."
        yield Finding(code="stated_twice", kind=NOTICE, subject=name, stated=str(other.get("text")), text=text)


def _plan(document: Document) -> Iterator[Finding]:
    promised: dict[str, list[int]] = defaultdict(list)
    for phase in document.phases:
        for task in phase.tasks:
            for parameter in task.parameters:
                if parameter.from_ is not None and parameter.from_ == parameter.to:
                    text = f"{parameter.name} goes from {parameter.from_} to {parameter.to}: that changes nothing."
                    yield Finding(code="no_change", kind=NOTICE, subject=task.title, text=text)
        for key in dict.fromkeys(impact.kpi for impact in phase.impacts if impact.kpi):
            promised[key].append(phase.number)
    names = {str(kpi["key"]): str(kpi["name"]) for kpi in document.scorecard.get("kpis", [])}
    for key, numbers in promised.items():
        if len(numbers) > 1:
            text = f"Promised by phases {' and '.join(map(str, numbers))}; the document does not say whether they add up."
            yield Finding(code="promised_twice", kind=NOTICE, subject=names.get(key, key), text=text)


def _targets(document: Document) -> Iterator[Finding]:
    for kpi in document.scorecard.get("kpis", []):
        target, name = kpi.get("target"), str(kpi.get("name"))
        if not target:
            yield _unstated("target", name, "No target is in force: it can never be met.")
            continue
        baseline, threshold = target.get("baseline"), target.get("alert_threshold")
        if baseline is None:
            yield _unstated("baseline", name, "Without a baseline no attainment can be told.")
        elif _goal(kpi, target).met_from_the_start:
            yield Finding(code="met_at_start", kind=NOTICE, subject=name, text="The baseline meets the target already.")
        if threshold is None:
            yield _unstated("alert_threshold", name, "Without an alert threshold it is never breached.")
        elif baseline is not None and float(baseline) == float(threshold):
            text = f"Baseline and alert threshold are the same, {float(baseline):g} {kpi['unit']}: the slightest slip alerts."
            yield Finding(code="alert_at_baseline", kind=NOTICE, subject=name, text=text)


def _missing(document: Document) -> Iterator[Finding]:
    if document.roadmap.discount_rate is None:
        yield _unstated("discount_rate", "Discount rate", "Without a discount rate there is no net present value.")
    for benefit in document.benefits:
        if not benefit.kpis:
            yield _unstated("benefit_kpis", benefit.name, "What it rests on is not stated: how much is realised is unknown.")
    for risk in document.risks:
        if not risk.triggers:
            yield _unstated("risk_triggers", risk.title, "No KPI triggers it.")
        if risk.owner is None:
            yield _unstated("risk_owner", risk.title, "Nobody owns it.")
        if not risk.treatment:
            yield _unstated("risk_treatment", risk.title, "How it is treated is not stated.")
    tasks = [task for phase in document.phases for task in phase.tasks if task.state != "dropped"]
    for code, label, missing in (
        ("task_effort", "planned effort", [task for task in tasks if task.effort_planned_h is None]),
        ("task_assignee", "an assignee", [task for task in tasks if task.assignee is None]),
        ("task_due", "a due date", [task for task in tasks if task.due_on is None]),
    ):
        if missing:
            yield _unstated(code, "Tasks", f"{len(missing)} of {len(tasks)} tasks are without {label}.")
    for profile in document.load_profiles:
        if any(stage.hold_s is None for stage in profile.stages):
            yield _unstated("load_duration", profile.name, "How long its load holds is not stated.")


def _unstated(code: str, subject: str, text: str) -> Finding:
    return Finding(code=code, kind=NOT_STATED, subject=subject, text=text)


def _amount(amount: Decimal | None, hours: Decimal | None, rate: Decimal | None) -> Decimal | None:
    if amount is not None:
        return amount
    return None if hours is None or rate is None else hours * rate


def _goal(kpi: dict[str, Any], target: dict[str, Any]) -> Goal:
    return Goal(
        comparator=str(target["comparator"]),
        value=float(target["value"]),
        lower_is_better=kpi.get("direction") == "lower",
        baseline=float(target["baseline"]),
    )


def _decimal(value: Any) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}".removesuffix(".00")
