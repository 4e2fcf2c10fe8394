"""The audit trail: who changed what, before and after, and why."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from accounts.models import ApiToken, AuditEntry, User


def record(
    *,
    actor: User | None,
    action: str,
    subject: Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    why: str = "",
    token: str = "",
) -> AuditEntry:
    """Append an entry. `action` is `noun.verb`; `before` and `after` hold the changed fields, ready for JSON.

    Call it in the transaction of the change, so that neither stands without the other.
    """
    return AuditEntry.objects.create(
        actor=actor,
        token=token,
        action=action,
        subject_type=subject._meta.label_lower,
        subject_id="" if subject.pk is None else str(subject.pk),
        subject=str(subject)[:200],
        before=before or {},
        after=after or {},
        why=why,
    )


def actor_of(request: HttpRequest) -> tuple[User, str]:
    """The person behind a request and the name of the token that acts for them, empty in a browser."""
    token = getattr(request, "auth", None)
    return request.user, token.name if isinstance(token, ApiToken) else ""  # type: ignore[return-value]
