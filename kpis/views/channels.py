"""Pages of channels: who is told of what, what is on its way, and what could not be delivered."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Max, OuterRef, Q, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Scope, require
from accounts.requests import PageRequest
from accounts.versions import StaleEdit
from kpis import channels, delivering
from kpis.alert_forms import FORMS, ChannelForm, RouteForm
from kpis.models import Channel, Message, MessageState, Route
from kpis.sending import KINDS, BadConfig
from kpis.views.pages import beside, page

MOST_MESSAGES, MOST_DEAD = 50, 200


@require(Scope.READ)
@require_safe
def channel_list(request: PageRequest) -> HttpResponse:
    rows = Channel.objects.filter(archived_at=None).defer("config").prefetch_related("routes__scorecard")
    waiting = Q(messages__state__in=(MessageState.WAITING, MessageState.SENDING))
    dead = Q(messages__state=MessageState.DEAD, messages__seen_at=None, messages__deliveries__isnull=False)
    rows = rows.annotate(
        waiting=Count("messages", filter=waiting, distinct=True),
        dead=Count("messages", filter=dead, distinct=True),
        last_at=Max("messages__sent_at"),
        newest=Subquery(Message.objects.filter(channel=OuterRef("pk"), attempts__gt=0).order_by("-pk").values("state")[:1]),
    )
    listed = Message.objects.select_related("channel").defer("channel__config", "body", "event")
    kinds = [(name, kind.LABEL) for name, kind in KINDS.items()]
    shown = list(rows)
    carrying = sum(one.enabled and one.newest == MessageState.SENT and bool(one.routes.all()) for one in shown)
    context = {"channels": shown, "carrying": carrying, "told": list(listed[:MOST_MESSAGES]), "kinds": kinds}
    context["dead"] = list(listed.undelivered().order_by("pk")[:MOST_DEAD])
    return page(request, "kpis/channel_list.html", context)


@require(Scope.ALERTS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def channel_new(request: PageRequest, kind: str) -> HttpResponse:
    if kind not in FORMS:
        raise Http404
    form, route = FORMS[kind](request.POST or None), RouteForm(request.POST or None, prefix="route")
    if request.method == "POST" and form.is_valid() and route.is_valid():
        config = form.config() or {}
        try:
            channel = channels.create(kind=kind, config=config, fields=form.changes(), route=route.changes(), actor=request.user)
        except BadConfig as bad:
            beside(form, bad.errors)
        else:
            messages.success(request, f"{channel} is made. Send a test to see that it arrives.")
            if kind == "webhook" and not form.cleaned_data.get("secret"):
                return _made(request, channel, config["secret"])
            return redirect("kpis:channel-edit", pk=channel.pk)
    return _form(request, form, route, kind, None)


def _made(request: PageRequest, channel: Channel, secret: str) -> HttpResponse:
    """The page of a new channel with the secret that was made for it: in this one answer, and kept nowhere on the way."""
    response = _form(request, FORMS[channel.kind](instance=channel), RouteForm(prefix="route"), channel.kind, channel, secret)
    response.status_code = 201
    response["Cache-Control"] = "no-store"
    return response


@require(Scope.ALERTS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def channel_edit(request: PageRequest, pk: int) -> HttpResponse:
    channel = _channel(pk)
    form = FORMS[channel.kind](request.POST or None, instance=channel)
    if request.method == "POST" and form.is_valid():
        try:
            channels.change(
                channel=channel, config=form.config(), fields=form.changes(), actor=request.user,
                version=form.cleaned_data["version"],
            )  # fmt: skip
        except BadConfig as bad:
            beside(form, bad.errors)
        except StaleEdit:
            form.add_error(None, "Somebody else changed this channel meanwhile. Open it again and change that.")
        else:
            messages.success(request, "Saved.")
            return redirect("kpis:channel-edit", pk=pk)
    return _form(request, form, RouteForm(prefix="route"), channel.kind, _channel(pk))


@require(Scope.ALERTS_WRITE)
@require_POST
def channel_test(request: PageRequest, pk: int) -> HttpResponse:
    told = delivering.test(channel=_channel(pk), actor=request.user, now=timezone.now())
    if told.state == MessageState.SENT:
        messages.success(request, "The test was taken. See whether it arrived.")
    else:
        messages.error(request, f"The test was not taken: {told.error}.")
    return redirect("kpis:channel-edit", pk=pk)


@require(Scope.ALERTS_WRITE)
@require_POST
def channel_archive(request: PageRequest, pk: int) -> HttpResponse:
    channels.archive(channel=_channel(pk), actor=request.user, now=timezone.now())
    messages.success(request, "The channel is put away, and its address is forgotten.")
    return redirect("kpis:channel-list")


@require(Scope.ALERTS_WRITE)
@require_POST
def channel_route(request: PageRequest, pk: int) -> HttpResponse:
    channel, route = _channel(pk), RouteForm(request.POST, prefix="route")
    if not route.is_valid():
        return _form(request, FORMS[channel.kind](instance=channel), route, channel.kind, channel)
    channels.add_route(channel=channel, fields=route.changes(), actor=request.user)
    return redirect("kpis:channel-edit", pk=pk)


@require(Scope.ALERTS_WRITE)
@require_POST
def channel_unroute(request: PageRequest, pk: int) -> HttpResponse:
    route = get_object_or_404(Route.objects.select_related("channel"), pk=pk, channel__archived_at=None)
    channels.remove_route(route=route, actor=request.user)
    return redirect("kpis:channel-edit", pk=route.channel_id)


@require(Scope.ALERTS_WRITE)
@require_POST
def message_resend(request: PageRequest, pk: int) -> HttpResponse:
    message = get_object_or_404(Message, pk=pk, channel__archived_at=None)
    try:
        delivering.resend(message=message, actor=request.user, now=timezone.now())
    except delivering.CannotResend as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The message is on its way again.")
    return redirect("kpis:channel-list")


@require(Scope.ALERTS_WRITE)
@require_POST
def message_aside(request: PageRequest) -> HttpResponse:
    """Those that the person was shown: a message that was given up meanwhile stays to be seen."""
    shown = [int(pk) for pk in request.POST.getlist("message") if pk.isdigit() and len(pk) < 16]
    many = delivering.put_aside(messages=Message.objects.filter(pk__in=shown), actor=request.user, now=timezone.now())
    messages.success(request, f"{many} message{'s are' if many != 1 else ' is'} put aside: they stay in the list below.")
    return redirect("kpis:channel-list")


def _channel(pk: int) -> Channel:
    return get_object_or_404(Channel, pk=pk, archived_at=None)


def _form(
    request: PageRequest, form: ChannelForm, route: RouteForm, kind: str, channel: Channel | None, secret: str = ""
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "route": route, "channel": channel, "label": KINDS[kind].LABEL, "kind": kind}
    context |= {"no_mail_server": kind == "mail" and not settings.EMAIL_HOST, "secret": secret}
    return page(request, "kpis/channel_form.html", context, status=422 if request.method == "POST" else 200)
