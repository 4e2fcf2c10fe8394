"""The API of tokens and of the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import tokens
from accounts.activity import Filter
from accounts.answers import Page
from accounts.differences import difference
from accounts.models import ApiToken, AuditEntry, User
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, scopes
from accounts.problems import Problem, invalid
from accounts.serializers import MomentField

DAY_OR_TIME = {"oneOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
ENDS = {
    "from": "A day, from its midnight in UTC, or a time with its offset: what was done then or later.",
    "to": "A day, with all of it, or a time with its offset: what was done before it.",
}
UNREAD = "Write a day such as 2026-11-27, or a time with its offset such as 2026-11-27T14:30:00Z."

SERVICES = "Empty means every service. Nothing else is changed; figures of KPIs are read all the same."


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "services",
            "scorecards",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]
        read_only_fields = fields


class NewTokenSerializer(serializers.Serializer[ApiToken]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=tokens.scope_choices()), allow_empty=False)
    services = serializers.ListField(child=serializers.SlugField(), default=list, help_text=SERVICES)
    scorecards = serializers.ListField(child=serializers.SlugField(), default=list, help_text="Empty means every scorecard.")
    expires_at = MomentField(allow_null=True, default=None)

    def validate_expires_at(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This has passed already.")
        return value


class IssuedTokenSerializer(TokenSerializer):
    secret = serializers.CharField(read_only=True, help_text="Shown now and never again.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "secret"]


class ActivitySerializer(serializers.ModelSerializer[AuditEntry]):
    actor: Any = serializers.CharField(source="actor.username", default=None, allow_null=True)
    difference = serializers.SerializerMethodField(help_text="What changed, a line per field, as the page tells it.")

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "at",
            "actor",
            "token",
            "action",
            "subject_type",
            "subject_id",
            "subject",
            "before",
            "after",
            "difference",
            "why",
        ]

    def get_difference(self, entry: AuditEntry) -> list[str]:
        return [str(line) for line in difference(entry.before, entry.after)]


class BearerScheme(OpenApiAuthenticationExtension):
    """How the description of the API names our tokens."""

    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class PersonScheme(SessionScheme):
    """The same for somebody who is logged in."""

    target_class = "accounts.authentication.SessionAuthentication"


@extend_schema(methods=["GET"], responses=Page[TokenSerializer], summary="My tokens, without their secrets")
@extend_schema(
    methods=["POST"],
    request=NewTokenSerializer,
    responses={201: IssuedTokenSerializer},
    summary="Issue a token, logged in as a person; the secret is shown once",
)
@scopes(GET=Scope.READ, POST=Scope.READ)
@api_view(["GET", "POST"])
def token_list(request: Request) -> Response:
    if request.method == "POST":
        return _issue(request)
    pages = CursorPagination()
    rows = pages.paginate_queryset(ApiToken.objects.filter(owner_id=request.user.pk), request)
    return pages.get_paginated_response(TokenSerializer(rows, many=True).data)


def _issue(request: Request) -> Response:
    owner = _person(request)
    form = NewTokenSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    try:
        token, secret = tokens.issue(owner=owner, **form.validated_data)
    except tokens.BadToken as error:
        raise invalid([{"path": "$.scopes", "detail": str(error)}]) from error
    body = TokenSerializer(token).data | {"secret": secret}
    return Response(body, status=201, headers={"Cache-Control": "no-store"})


@extend_schema(responses={204: None}, summary="Revoke a token of mine, logged in as a person")
@scopes(DELETE=Scope.READ)
@api_view(["DELETE"])
def token_detail(request: Request, pk: int) -> Response:
    owner = _person(request)
    tokens.revoke(token=get_object_or_404(ApiToken, pk=pk, owner=owner), actor=owner, now=timezone.now())
    return Response(status=204)


def _person(request: Request) -> User:
    """The person who is logged in; a token may neither widen itself by another one nor take others away."""
    if isinstance(request.auth, ApiToken) or not isinstance(request.user, User):
        raise Problem(403, "people-only", "People only", "Tokens are issued and revoked by people who are logged in.")
    return request.user


@extend_schema(
    parameters=[OpenApiParameter(name, str) for name in ("person", "thing", "action")]
    + [OpenApiParameter("of", str, description="One thing, such as `kpis.target:12`.")]
    + [OpenApiParameter(name, DAY_OR_TIME, description=says) for name, says in ENDS.items()],
    responses=Page[ActivitySerializer],
    summary="Who changed what; for people with the scope audit",
)
@scopes(GET=Scope.AUDIT)
@api_view(["GET"])
def activity(request: Request) -> Response:
    asked = request.query_params
    chosen = Filter.of_query(asked)
    if chosen.wrong:
        raise invalid([{"path": name, "detail": UNREAD} for name, _ in chosen.wrong])
    entries = chosen.entries()
    pages = CursorPagination()
    rows = pages.paginate_queryset(entries, request)
    return pages.get_paginated_response(ActivitySerializer(rows, many=True).data)
