"""API tokens: issued once, stored as a hash. The secret has 256 bits, so a fast hash is enough."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import ApiToken, User
from accounts.permissions import PEOPLE_ONLY, Scope, scopes_of
from accounts.prepared import Prepared, Slot

MARK = "mp_"
PREFIX_LENGTH = len(MARK) + 8
USED_EVERY = timedelta(minutes=1)
"""The last use is written at most this often."""

_STARTING = Prepared(lambda: ApiToken.objects.select_related("owner").filter(prefix=Slot("prefix")))


class BadToken(ValueError):
    """A token that cannot be issued as asked."""


@transaction.atomic
def issue(
    *,
    owner: User,
    name: str,
    scopes: Iterable[str],
    services: Iterable[str] = (),
    scorecards: Iterable[str] = (),
    expires_at: datetime | None = None,
    actor: User | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; the second part of the answer is the secret, which is never shown again.

    Raises BadToken for a scope that does not exist, is for people only, or that the owner does not have.
    """
    wanted = _given(owner, scopes)
    secret = MARK + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        owner=owner,
        name=name,
        prefix=secret[:PREFIX_LENGTH],
        digest=digest(secret),
        scopes=wanted,
        services=sorted(set(services)),
        scorecards=sorted(set(scorecards)),
        expires_at=expires_at,
    )
    after = {"scopes": wanted, "services": token.services, "scorecards": token.scorecards}
    audit.record(actor=actor or owner, action="token.issue", subject=token, after=after)
    return token, secret


def _given(owner: User, scopes: Iterable[str]) -> list[str]:
    """The scopes in order, each once. Raises BadToken."""
    wanted = sorted(set(scopes))
    allowed = {str(scope) for scope in scopes_of(owner) - PEOPLE_ONLY}
    if refused := [scope for scope in wanted if scope not in allowed]:
        raise BadToken(
            f"{owner.get_username()} cannot give: {', '.join(refused)}. Possible: {', '.join(sorted(allowed)) or 'none'}."
        )
    if not wanted:
        raise BadToken(f"A token needs at least one scope of: {', '.join(sorted(allowed))}.")
    return wanted


@transaction.atomic
def revoke(*, token: ApiToken, actor: User, now: datetime) -> None:
    """End a token for good."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
        audit.record(actor=actor, action="token.revoke", subject=token)


def find(secret: str, *, now: datetime) -> ApiToken | None:
    """The valid token of a secret: not revoked, not expired, its owner active. Notes the use."""
    token = next((one for one in _STARTING(prefix=secret[:PREFIX_LENGTH]) if _is(one, secret)), None)
    if token is None:
        return None
    if token.revoked_at or (token.expires_at and token.expires_at <= now) or not token.owner.is_active:
        return None
    if token.last_used_at is None or token.last_used_at <= now - USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token


def _is(token: ApiToken, secret: str) -> bool:
    return secrets.compare_digest(token.digest, digest(secret))


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def scope_choices() -> list[tuple[str, str]]:
    return [(str(scope), str(scope)) for scope in Scope if scope not in PEOPLE_ONLY]
