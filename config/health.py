"""Is it alive, is it ready: for load balancers and for people on duty."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accounts.authentication import TokenAuthentication
from accounts.models import ApiToken
from accounts.permissions import Scope, may
from accounts.problems import answer
from probes import heartbeat

View = Callable[[HttpRequest, ApiToken | None], HttpResponse]
PROXY_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED")


def reader_or_loopback(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Open to whoever may read, and where `TRUST_LOOPBACK` is on to this machine itself, unless a proxy stands between.

    The view is told by which token, if any, since that may be for some scorecards only.
    """

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if is_local(request) or may(request.user, Scope.READ):
            return view(request, None)
        if token := _reading_token(request):
            return view(request, token)
        return answer(401, "unauthorized", "Unauthorized", "This needs a token with the scope read.")

    return login_not_required(guarded)


def is_local(request: HttpRequest) -> bool:
    """Whether this machine itself asks and is trusted; a proxy on it gives itself away by the headers it adds."""
    return (
        settings.TRUST_LOOPBACK
        and request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1")
        and not any(name in request.META for name in PROXY_HEADERS)
    )


def _reading_token(request: HttpRequest) -> ApiToken | None:
    try:
        found = TokenAuthentication().authenticate(Request(request))
    except APIException:
        return None
    return found[1] if found and Scope.READ in found[1].scopes and may(found[0], Scope.READ) else None


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "alive"})


@require_safe
@reader_or_loopback
def readyz(request: HttpRequest, token: ApiToken | None) -> HttpResponse:
    """Everything that measuring needs: 200 with each part, or 503 with what is wrong."""
    parts = {"database": database(), "broker": broker()}
    if parts["database"]["ok"]:
        parts |= engine()
    ready = all(part["ok"] for part in parts.values())
    return JsonResponse({"status": "ready" if ready else "not ready", "parts": parts}, status=200 if ready else 503)


def database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return {"ok": False, "detail": type(error).__name__}
    return {"ok": True, "detail": connection.vendor}


def broker() -> dict[str, Any]:
    if not settings.REDIS_URL:
        return {"ok": True, "detail": "in memory"}
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        return {"ok": False, "detail": f"Redis does not answer ({type(error).__name__})"}
    return {"ok": True, "detail": "Redis"}


def engine() -> dict[str, dict[str, Any]]:
    """Heartbeats of scheduler and worker, and how far the schedule lags."""
    try:
        state = heartbeat.state(now=timezone.now())
    except DatabaseError as error:
        return {"engine": {"ok": False, "detail": f"its tables cannot be read ({type(error).__name__}); was migrate run?"}}
    return {
        "scheduler": {"ok": state.scheduler_ok, "detail": state.scheduler_text},
        "worker": {"ok": state.worker_ok, "detail": state.worker_text},
        "schedule": {"ok": state.schedule_ok, "detail": state.schedule_text},
    }
