"""The API of tokens and of the audit trail."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import ApiToken, AuditEntry
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, scopes


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


class ActivitySerializer(serializers.ModelSerializer[AuditEntry]):
    actor: Any = serializers.CharField(source="actor.username", default=None)

    class Meta:
        model = AuditEntry
        fields = ["id", "at", "actor", "token", "action", "subject_type", "subject_id", "subject", "before", "after", "why"]


@extend_schema(responses=TokenSerializer(many=True), summary="My tokens, without their secrets")
@scopes(GET=Scope.READ)
@api_view(["GET"])
def token_list(request: Request) -> Response:
    pages = CursorPagination()
    rows = pages.paginate_queryset(ApiToken.objects.filter(owner_id=request.user.pk), request)
    return pages.get_paginated_response(TokenSerializer(rows, many=True).data)


@extend_schema(responses=ActivitySerializer(many=True), summary="Who changed what")
@scopes(GET=Scope.AUDIT)
@api_view(["GET"])
def activity(request: Request) -> Response:
    pages = CursorPagination()
    rows = pages.paginate_queryset(AuditEntry.objects.select_related("actor"), request)
    return pages.get_paginated_response(ActivitySerializer(rows, many=True).data)
