"""A time that the API takes says how far it is from UTC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import get_resolver
from rest_framework import serializers

from accounts.serializers import MomentField, StrictSerializer

pytestmark = pytest.mark.django_db
LOCAL, LATER = "2027-07-01T02:00:00", "2027-07-01T03:00Z"


@pytest.mark.parametrize(
    ("place", "body", "field"),
    [
        ("maintenance/", {"tag": "x", "reason": "r", "zone": "Europe/Berlin", "starts_at": LOCAL, "ends_at": LATER}, "starts_at"),
        ("silences/", {"everything": True, "reason": "r", "starts_at": "2027-07-01T01:00Z", "ends_at": LOCAL}, "ends_at"),
        ("waivers/", {"kpi": "a/b", "reason": "r", "expires_at": LOCAL}, "expires_at"),
        ("tokens/", {"name": "a", "scopes": ["read"], "expires_at": LOCAL}, "expires_at"),
    ],
)  # fmt: skip
def test_a_time_without_its_offset_is_refused(as_admin: Any, place: str, body: dict[str, Any], field: str) -> None:
    answer = as_admin.post(f"/api/v1/{place}", body, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"]) == (
        422, [{"path": f"$.{field}", "detail": "Write a time with its offset, such as 2026-03-01T12:00:00Z."}],
    )  # fmt: skip


def kinds(of: type[Any]) -> Iterator[type[Any]]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_no_serializer_takes_a_time_in_another_way() -> None:
    assert get_resolver().url_patterns  # which imports the whole API
    ours = {
        kind
        for kind in kinds(serializers.Serializer)
        if kind.__module__.split(".")[0] in ("accounts", "kpis", "probes", "roadmap")
    }
    taken = {
        f"{kind.__name__}.{name}": type(getattr(field, "child", field))
        for kind in ours - {StrictSerializer} for name, field in kind().fields.items() if not field.read_only
    }  # fmt: skip
    times = {name: kind for name, kind in taken.items() if issubclass(kind, serializers.DateTimeField)}
    assert times == dict.fromkeys(times, MomentField)
    assert "GateWaiverSerializer.expires_at" in times
