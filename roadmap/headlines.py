"""The sentence that answers each page, out of its facts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from roadmap.wording import count, days_in, joined, percent, sentence, whole_money

NOTEWORTHY = 0.05
"""The share of work that may be missing today while the plan still counts as kept; the sentence says it, and what is missing."""

Need = Literal["breach", "risk", "lapsed", "blocked", "decision", "review", "unmeasured", "ending", "late", "waived"]
SAID: dict[Need, tuple[str, str]] = {
    "breach": ("KPI is breached", "KPIs are breached"),
    "risk": ("risk has come true", "risks have come true"),
    "lapsed": ("waiver has lapsed", "waivers have lapsed"),
    "blocked": ("task is blocked", "tasks are blocked"),
    "decision": ("proposal waits for approval", "proposals wait for approval"),
    "review": ("review is overdue", "reviews are overdue"),
    "unmeasured": ("KPI waits for its first measurement", "KPIs wait for their first measurement"),
    "ending": ("waiver ends soon", "waivers end soon"),
    "late": ("task is past its due date", "tasks are past their due dates"),
    "waived": ("KPI is breached under a waiver", "KPIs are breached under waivers"),
}
"""What may need somebody, in words for one and for several, the most pressing first."""
URGENT: set[Need] = {"breach", "risk", "lapsed"}


def plan_state(
    *, week: int, weeks: int, days_to_start: int, days_left: int, late_days: int, behind: float, done: int, total: int
) -> str:
    """Where the plan stands, as the first half of a sentence; `behind` is the share of work 0…1 that today lacks."""
    if not total:
        return "the plan has no tasks yet"
    if done == total:
        return "all work of the plan is done"
    if days_to_start > 0:
        return f"the plan starts {days_in(days_to_start)}"
    if days_left < 0:
        return f"the plan ended {days_in(days_left)} with {count(total - done, 'task')} open"
    if late_days > 0:
        return f"{count(late_days, 'day')} behind plan"
    points = round(100 * behind, 1)
    if points <= 0:
        return f"on plan in week {week} of {weeks}"
    small = "" if behind >= NOTEWORTHY else f", within the {100 * NOTEWORTHY:g} that count as on plan"
    return f"the work is {points:g} points behind plan in week {week} of {weeks}{small}"


def overview(state: str, needs: Mapping[Need, int]) -> str:
    """What needs someone most is said after the state of the plan, as many as the list of needs has of each kind; nothing is
    said of what is quiet. The list has everything: where something is urgent, or much is not, the sentence leaves the rest to it.
    """
    if not needs:
        return sentence(f"{state}; nothing waits for you")
    kinds = sorted(needs, key=list(SAID).index)
    told = [kind for kind in kinds if kind in URGENT] or kinds[:2]
    return sentence(f"{state}, and {joined([count(needs[kind], *SAID[kind]) for kind in told])}")


def overview_lede(*, phase: str, phase_end: str, met: int, kpis: int, realised: Decimal | None, unknown: Decimal | None) -> str:
    """Three facts below: the phase in hand, the targets, and of the monthly benefit the shares realised and unknown."""
    parts = [f"{phase} should close on {phase_end}." if phase else "No phase is in hand."]
    parts.append(sentence(f"{met} of {kpis} KPIs {'meets its target' if met == 1 else 'meet their targets'}"))
    if realised is not None and unknown is not None:
        parts.append(_benefit(realised, unknown))
    return " ".join(parts)


def _benefit(realised: Decimal, unknown: Decimal) -> str:
    """What cannot be judged is told as that, before a small share realised is taken for a failure."""
    if not unknown:
        return f"Benefits run at {percent(realised)} of their planned monthly rate."
    why = "no KPI with a current figure, a baseline and a target stands behind it yet"
    if unknown == 1:
        return f"None of the planned monthly benefit can be judged: {why}."
    known = f"Of the planned monthly benefit {percent(1 - unknown, 1)} can be judged, and {percent(realised, 1)} is realised"
    return f"{known}; the rest is unknown: {why}."


def roadmap(state: str, *, done: int, total: int, closed: int, phases: int) -> str:
    if done == total and total:
        return sentence(f"all {total} tasks are done and {count(closed, 'phase')} of {phases} closed")
    return sentence(f"{state}: {done} of {total} tasks are done") if total else sentence(state)


def phase(name: str, *, done: int, total: int, gate: str, held: int, criteria: int, waived_days: int | None) -> str:
    """`gate` is open, passed, failed or waived; `waived_days` until the waiver ends."""
    if gate == "waived" and waived_days is not None:
        return sentence(f"{name} rests on a waiver that ends {days_in(waived_days)}")
    if gate == "passed":
        return sentence(f"{name} passes its exit gate")
    if gate == "failed":
        return sentence(f"{name} fails its exit gate: {held} of {criteria} criteria hold")
    if not total:
        return sentence(f"{name} has no tasks yet")
    if not done:
        return sentence(f"none of the {total} tasks of {name} is done yet")
    return sentence(f"{name} has {done} of {total} tasks done and {held} of {criteria} gate criteria met")


def roi(*, payback: int | None, payback_date: str, ratio: Decimal | None, months: int, empty: bool) -> str:
    if empty:
        return "No cost and no benefit is planned yet."
    if payback is None:
        return f"The plan does not pay back within {months} months."
    times = f" and returns {ratio:.2f} times its cost in {months} months" if ratio is not None else ""
    return sentence(f"planned to pay back in month {payback}{f', {payback_date},' if payback_date else ''}{times}")


def roi_lede(*, realised: Decimal | None, unknown: Decimal | None, net: Decimal, currency: str) -> str:
    text = f"The planned twelve-month net is {whole_money(net, currency)}. "
    if realised is None or unknown is None:
        return text + "No benefit is planned, so none can be realised."
    text += f"{percent(realised)} of the planned benefit shows in the KPIs this month"
    return text + (f"; {percent(unknown)} cannot be judged and counts as unknown." if unknown else ".")


def risks(triggered: list[str], *, total: int, overdue: int) -> str:
    """`triggered` are the names of those that came true."""
    if not total:
        return "No risk is registered yet."
    if len(triggered) == 1:
        return sentence(f"one risk has come true: {triggered[0]}")
    if triggered:
        return sentence(f"{count(len(triggered), 'risk')} have come true: {joined(triggered)}")
    quiet = f"none of the {count(total, 'risk')} has come true" if total > 1 else "the one risk has not come true"
    return sentence(f"{quiet}, but {count(overdue, 'review')} {'is' if overdue == 1 else 'are'} overdue" if overdue else quiet)
