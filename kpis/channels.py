"""Channels and their routes: made, changed and put away by people; every change is in the trail, no secret is."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.versions import figures, locked
from kpis.delivering import policy
from kpis.models import Channel, Message, MessageState, Route
from kpis.sending import KINDS
from kpis.sending.webhook import PREFIX

EDITABLE = ("name", "enabled", "quiet_from", "quiet_until", "quiet_zone", "quiet_below")
ROUTED = ("severity", "scorecard", "service")


def new_secret() -> str:
    """A key to sign webhooks with, in the form of the Standard Webhooks specification."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


@transaction.atomic
def create(
    *, kind: str, config: Mapping[str, Any], fields: Mapping[str, Any], route: Mapping[str, Any], actor: User | None
) -> Channel:
    """A channel with its first route. Raises BadConfig."""
    channel = Channel(kind=kind, config=dict(config), shown=KINDS[kind].check(config, policy())[:200], **fields)
    channel.save()
    Route.objects.create(channel=channel, **route)
    after = {"kind": kind, "shown": channel.shown} | figures(channel, EDITABLE)
    audit.record(actor=actor, action="channel.create", subject=channel, after=after)
    return channel


@transaction.atomic
def change(
    *,
    channel: Channel,
    config: Mapping[str, Any] | None,
    fields: Mapping[str, Any],
    actor: User | None,
    version: int | None = None,
) -> Channel:
    """Change a channel; without a config its secrets stay. Raises BadConfig or StaleEdit."""
    current = locked(channel, version)
    names = ("shown", *EDITABLE)
    before = figures(current, names)
    for name, value in fields.items():
        setattr(current, name, value)
    if config is not None:
        current.config = {**current.config, **config}
        current.shown = KINDS[current.kind].check(current.config, policy())[:200]
    current.version += 1
    current.save()
    after = figures(current, names) | ({"address": "changed"} if config is not None else {})
    audit.record(actor=actor, action="channel.change", subject=current, before=before, after=after)
    return current


@transaction.atomic
def archive(*, channel: Channel, actor: User, now: datetime) -> Channel:
    """Put a channel away; what still waits on it is given up and may be seen."""
    current = locked(channel, None)
    current.archived_at, current.enabled = now, False
    current.name = f"{current.name[:95]} (put away {now:%Y-%m-%d %H:%M})"
    current.config = {}
    current.save()
    waiting = Message.objects.filter(channel=current, state__in=(MessageState.WAITING, MessageState.SENDING))
    waiting.update(state=MessageState.DEAD, error="the channel was put away")
    audit.record(actor=actor, action="channel.archive", subject=current)
    return current


@transaction.atomic
def add_route(*, channel: Channel, fields: Mapping[str, Any], actor: User) -> Route:
    route = Route.objects.create(channel=channel, **fields)
    audit.record(actor=actor, action="channel.route", subject=channel, after=figures(route, ROUTED))
    return route


@transaction.atomic
def remove_route(*, route: Route, actor: User) -> None:
    audit.record(actor=actor, action="channel.unroute", subject=route.channel, before=figures(route, ROUTED))
    route.delete()
