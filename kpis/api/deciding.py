"""Decisions about proposals and requests: each an address that takes a note and ends in one verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts import audit
from accounts.permissions import Scope, scopes
from accounts.problems import Problem
from kpis.api import inputs
from kpis.faults import Refused

View = Callable[..., Response]


def decision(
    verb: Callable[..., Any],
    *,
    noun: str,
    scope: Scope,
    find: Callable[[Request, int], Any],
    show: Callable[[Any], Any],
    takes: type[Serializer[Any]] = inputs.DecisionIn,
    per_service: bool = False,
) -> View:
    """The address at which `verb` is called for the row that `find` gives; 409 where it is refused, such as when somebody
    else was first. Its documentation is that of the verb, its answer that of `show`."""

    def decide(request: Request, pk: int) -> Response:
        return decided(request, find(request, pk), noun, verb, show, takes)

    decide.__name__, decide.__doc__ = f"{noun}_{verb.__name__}", (verb.__doc__ or "").partition("\n")[0]
    guard = scopes(per_service=per_service, POST=scope)
    described = extend_schema(request=takes, responses=get_type_hints(show)["return"])
    view: View = described(guard(api_view(["POST"])(decide)))
    return view


def decided(
    request: Request,
    row: Any,
    noun: str,
    verb: Callable[..., Any],
    show: Callable[[Any], Any],
    takes: type[Serializer[Any]] = inputs.DecisionIn,
) -> Response:
    form = takes(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    try:
        done = verb(**{noun: row}, actor=actor, now=timezone.now(), token=token, **form.validated_data)
    except Refused as error:
        raise Problem(409, "refused", "Refused", str(error)) from error
    return Response(show(done))
