"""What a message says: one transition in full, or many as a digest; for people as text, for machines as an event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.urls import reverse

from accounts.templatetags.ui import exact, figure_words
from kpis.alerting import State
from kpis.models import Channel, Incident, Transition
from kpis.models.channels import RANKS

SALT = "kpis.alerts.acknowledge"
LINK_DAYS = 7
MOST_LINES = 40
WORDS = {State.FIRING: "Firing", State.ACKNOWLEDGED: "Acknowledged", State.RESOLVED: "Resolved"}


@dataclass(frozen=True)
class Text:
    title: str
    body: str
    event: dict[str, Any]
    good: bool


def single(step: Transition, *, channel: Channel) -> Text:
    """One transition: what, how bad, the figure behind it, since when, and a link that acknowledges."""
    incident = step.incident
    title = f"{_word(step)}: {incident.title}" + (f" ({step.place})" if step.place else "")
    lines = [title, "", f"Severity: {incident.severity}"]
    if step.value is not None and incident.kpi is not None:
        lines.append(f"Figure: {figure_words(step.value, incident.kpi.unit)}{_source(step)}")
    lines.append(_when(step))
    if step.note:
        lines.append(f"Note: {step.note}")
    lines += ["", f"Alert: {address(incident)}"]
    if step.state == State.FIRING:
        lines.append(f"Acknowledge: {acknowledge_address(incident, channel)}")
    event = {"type": f"alert.{step.state}", "alerts": [event_of(step, channel)]}
    return Text(title[:300], "\n".join(lines), event, _good([step]))


def digest(steps: Sequence[Transition], *, channel: Channel) -> Text:
    """Many transitions at once, the worst first."""
    counted = Counter(_word(step).lower() for step in steps)
    title = f"{len(steps)} alerts: " + ", ".join(f"{number} {word}" for word, number in counted.most_common())
    ordered = sorted(steps, key=lambda step: (-RANKS[step.incident.severity], step.at, step.pk))
    lines = [title, ""]
    for step in ordered[:MOST_LINES]:
        incident = step.incident
        figure = f", {figure_words(step.value, incident.kpi.unit)}" if step.value is not None and incident.kpi else ""
        subject = f" ({step.place})" if step.place else ""
        lines.append(f"{_word(step)}, {incident.severity}: {incident.title}{subject}{figure}")
    if len(ordered) > MOST_LINES:
        lines.append(f"… and {len(ordered) - MOST_LINES} more.")
    lines += ["", f"All alerts: {settings.BASE_URL.rstrip('/')}{reverse('kpis:alert-list')}"]
    event = {"type": "alert.digest", "alerts": [event_of(step, channel) for step in ordered]}
    return Text(title[:300], "\n".join(lines), event, _good(steps))


def event_of(step: Transition, channel: Channel) -> dict[str, Any]:
    """A transition as data; names are those of the API. What fires has a link that acknowledges it."""
    incident, kpi = step.incident, step.incident.kpi
    return {
        "id": incident.pk,
        "transition": step.number,
        "state": step.state,
        "severity": incident.severity,
        "kind": incident.kind,
        "title": incident.title,
        "kpi": f"{kpi.scorecard.slug}/{kpi.key}" if kpi else None,
        "subject": step.subject,
        "value": step.value,
        "unit": kpi.unit if kpi else "",
        "origin": step.origin,
        "measured_at": _iso(step.measured_at),
        "at": _iso(step.at),
        "fired_at": _iso(incident.fired_at),
        "by": step.by,
        "note": step.note,
        "url": address(incident),
        "acknowledge_url": acknowledge_address(incident, channel) if step.state == State.FIRING else None,
    }


def address(incident: Incident) -> str:
    return f"{settings.BASE_URL.rstrip('/')}{reverse('kpis:alert-detail', args=[incident.pk])}"


def acknowledge_address(incident: Incident, channel: Channel) -> str:
    """A link that whoever has it may use for a week: it acknowledges this incident and nothing else."""
    token = signing.dumps({"incident": incident.pk, "channel": channel.pk}, salt=SALT, compress=True)
    return f"{settings.BASE_URL.rstrip('/')}{reverse('kpis:alert-link', args=[token])}"


def opened(token: str) -> tuple[int, int] | None:
    """The incident and the channel of a link; None where it was altered or is too old."""
    try:
        found = signing.loads(token, salt=SALT, max_age=LINK_DAYS * 86400)
    except signing.BadSignature:
        return None
    return int(found["incident"]), int(found["channel"])


def _word(step: Transition) -> str:
    return WORDS.get(State(step.state), step.state)


def _good(steps: Sequence[Transition]) -> bool:
    return all(step.state == State.RESOLVED for step in steps)


def _when(step: Transition) -> str:
    incident = step.incident
    if step.state == State.RESOLVED and incident.fired_at:
        return f"Resolved: {step.at:%Y-%m-%d %H:%M:%S} UTC, {exact(step.at - incident.fired_at)} after it fired"
    if step.state == State.ACKNOWLEDGED:
        return f"Acknowledged: {step.at:%Y-%m-%d %H:%M:%S} UTC by {step.by}"
    return f"Firing since: {step.at:%Y-%m-%d %H:%M:%S} UTC"


def _source(step: Transition) -> str:
    measured = f", measured {step.measured_at:%Y-%m-%d %H:%M:%S} UTC" if step.measured_at else ""
    kind, _, number = step.origin.partition(":")
    return f"{measured} by {kind} {number[:8]}" if kind in ("run", "result") else measured


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
