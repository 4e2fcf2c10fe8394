"""Scorecards and KPIs made, changed, archived and restored by API; each write ends in one verb of `kpis.defining`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as ModelError
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.concurrency import asked_version, etag, stale
from accounts.permissions import Scope, allowed_scorecards, scopes
from accounts.problems import Problem
from accounts.serializers import PersonField, StrictSerializer
from accounts.versions import StaleEdit
from kpis import defining
from kpis.api import shapes
from kpis.api.lookup import every_kpi, kpi_or_404, scorecard_or_404, visible_scorecards
from kpis.models import KPI, Scorecard


class ScorecardChange(StrictSerializer):
    class Meta:
        model = Scorecard
        fields: tuple[str, ...] = defining.EDITABLE[Scorecard]


class ScorecardIn(ScorecardChange):
    slug = serializers.SlugField(required=False, allow_blank=True, max_length=50)

    class Meta(ScorecardChange.Meta):
        fields = ("slug", *defining.EDITABLE[Scorecard])


class KpiChange(StrictSerializer):
    """What can be changed of a KPI; `owner` and `approver` by user name. `unit`, `direction` and what else figures rest on
    stay once something was measured."""

    owner = PersonField()
    approver = PersonField()

    class Meta:
        model = KPI
        fields: tuple[str, ...] = defining.EDITABLE[KPI]
        validators: tuple[Any, ...] = ()
        extra_kwargs: dict[str, Any] = {"window_s": {"min_value": 1}, "freshness_s": {"min_value": 1}}


class KpiIn(KpiChange):
    """A new KPI of `scorecard`; its `key` is made from its name where none is given."""

    scorecard = serializers.SlugField()
    key = serializers.SlugField(required=False, allow_blank=True, max_length=50)

    class Meta(KpiChange.Meta):
        fields = ("scorecard", "key", *defining.EDITABLE[KPI])


class WhyIn(serializers.Serializer[Any]):
    why = serializers.CharField(required=False, allow_blank=True, max_length=1000, default="")


@extend_schema(request=WhyIn, responses=shapes.ScorecardOut)
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def scorecard_archive(request: Request, slug: str) -> Response:
    """Take it with all its KPIs out of lists, counts, exports and judging; everything that was measured stays."""
    return _moved(request, scorecard_or_404(request, slug), defining.archive)


@extend_schema(request=WhyIn, responses=shapes.ScorecardOut)
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def scorecard_restore(request: Request, slug: str) -> Response:
    return _moved(request, scorecard_or_404(request, slug), defining.restore)


@extend_schema(request=WhyIn, responses=shapes.KpiDefinitionOut)
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def kpi_archive(request: Request, scorecard: str, key: str) -> Response:
    """Take it out of lists, counts, exports and judging; everything that was measured stays."""
    return _moved(request, kpi_or_404(request, scorecard, key, every_kpi), defining.archive)


@extend_schema(request=WhyIn, responses=shapes.KpiDefinitionOut)
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def kpi_restore(request: Request, scorecard: str, key: str) -> Response:
    return _moved(request, kpi_or_404(request, scorecard, key, every_kpi), defining.restore)


def create_scorecard(request: Request) -> Response:
    if allowed_scorecards(request) is not None:
        raise Problem(403, "restricted", "Forbidden", "This token is restricted to scorecards that are there already.")
    fields = _checked(ScorecardIn(data=request.data))
    actor, token = audit.actor_of(request)
    row = _written(lambda: defining.create_scorecard(fields=fields, actor=actor, token=token))
    return _answer(row, 201)


def create_kpi(request: Request) -> Response:
    fields = _checked(KpiIn(data=request.data))
    card = visible_scorecards(request).filter(slug=fields.pop("scorecard")).first()
    if card is None:
        raise serializers.ValidationError({"scorecard": "There is no such scorecard."})
    actor, token = audit.actor_of(request)
    return _answer(_written(lambda: defining.create_kpi(scorecard=card, fields=fields, actor=actor, token=token)), 201)


def change(request: Request, row: Scorecard | KPI) -> Response:
    """PATCH and DELETE of one row."""
    actor, token = audit.actor_of(request)
    version = asked_version(request, row)
    if request.method == "DELETE":
        gone = _written(lambda: defining.remove(row=row, actor=actor, version=version, token=token))
        return gone if isinstance(gone, Response) else Response(status=204)
    form = (ScorecardChange if isinstance(row, Scorecard) else KpiChange)(row, data=request.data, partial=True)
    changes = _checked(form)
    return _answer(
        _written(lambda: defining.change(row=row, changes=changes, actor=actor, now=timezone.now(), version=version, token=token))
    )


def shown(row: Scorecard | KPI) -> shapes.ScorecardOut | shapes.KpiDefinitionOut:
    return shapes.scorecard(row) if isinstance(row, Scorecard) else shapes.definition(row)


def _moved(request: Request, row: Scorecard | KPI, verb: Callable[..., Scorecard | KPI]) -> Response:
    form = WhyIn(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    version, why = asked_version(request, row), form.validated_data["why"]
    return _answer(_written(lambda: verb(row=row, actor=actor, now=timezone.now(), version=version, why=why, token=token)))


def _checked(form: serializers.BaseSerializer[Any]) -> dict[str, Any]:
    if not isinstance(form.initial_data, dict):
        raise serializers.ValidationError({"": "Send a JSON object."})
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _answer(row: Any, status: int = 200) -> Response:
    return row if isinstance(row, Response) else Response(shown(row), status=status, headers={"ETag": etag(row)})


def _written(verb: Callable[[], Any]) -> Any:
    """What the verb returns, or the answer that its refusal becomes."""
    try:
        return verb()
    except StaleEdit as error:
        return stale(error.current, error.current and shown(error.current))  # type: ignore[arg-type]
    except defining.Refused as error:
        raise Problem(409, "refused", "What stands does not allow it", str(error)) from error
    except ModelError as error:
        found = error.message_dict
        raise serializers.ValidationError(
            {"non_field_errors" if name == NON_FIELD_ERRORS else name: texts for name, texts in found.items()}
        ) from error
