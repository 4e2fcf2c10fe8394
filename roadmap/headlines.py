"""The sentence that answers each page, out of its facts."""

from __future__ import annotations

from decimal import Decimal

from roadmap.wording import count, days_in, joined, percent, sentence, whole_money

NOTEWORTHY = 0.05


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
    if behind >= NOTEWORTHY:
        return f"the work is {round(100 * behind)} points behind plan in week {week} of {weeks}"
    return f"on plan in week {week} of {weeks}"


def overview(state: str, *, breached: int, triggered: int, overdue: int, unmeasured: int, kpis: int, lapsed: int = 0) -> str:
    """What needs someone most is said after the state of the plan; nothing is said of what is quiet."""
    troubles = []
    if breached:
        troubles.append(f"{count(breached, 'KPI')} {'is' if breached == 1 else 'are'} breached")
    if triggered:
        troubles.append(f"{count(triggered, 'risk')} {'has' if triggered == 1 else 'have'} come true")
    if lapsed:
        troubles.append(f"{count(lapsed, 'waiver')} {'has' if lapsed == 1 else 'have'} lapsed")
    if not troubles and overdue:
        troubles.append(f"{count(overdue, 'review')} {'is' if overdue == 1 else 'are'} overdue")
    if not troubles and kpis and unmeasured == kpis:
        troubles.append("nothing has been measured yet")
    return sentence(f"{state}, and {joined(troubles)}" if troubles else f"{state}; nothing waits for you")


def overview_lede(*, phase: str, phase_end: str, met: int, kpis: int, realised: Decimal | None, currency: str) -> str:
    """Three facts below: the phase in hand, the targets, the benefit."""
    parts = [f"{phase} should close on {phase_end}." if phase else "No phase is in hand."]
    parts.append(sentence(f"{met} of {kpis} KPIs {'meets its target' if met == 1 else 'meet their targets'}"))
    if realised is not None:
        parts.append(f"Benefits run at {percent(realised)} of their planned monthly rate.")
    return " ".join(parts)


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
