"""Confirmed services: their owner put a token there, or an administrator approved, so that they may be loaded.

Without it this program could be turned against somebody else's service by whoever may register an address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import cast
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.models import AuditEntry, User
from outgoing.addresses import AddressPolicy, Refused
from outgoing.http import Unreachable
from probes import http
from probes.models import Proof, Service

FILE = "/.well-known/milepost.txt"
HEADER = "Milepost-Confirm"
REFUSED = "service.refuse"
SHOWN = 3


class NotConfirmed(Exception):
    """The token is not there, or what was asked for needs it; the text says where it must stand."""


@dataclass(frozen=True)
class Look:
    """Where the token was found; `said` tells what each place answered."""

    proof: Proof | None
    said: str


def token_of(service: Service) -> str:
    """What the owner puts there: of this service at this address, the same each time."""
    parts = urlsplit(service.base_url)
    of = f"{service.slug}|{parts.scheme}://{parts.netloc.lower()}"
    return f"milepost-{salted_hmac('probes.confirming', of, algorithm='sha256').hexdigest()[:32]}"


async def look(service: Service, *, policy: AddressPolicy, clock: Callable[[], datetime]) -> Look:
    """Look for the token in the file and in the header. Raises Refused for an address that may not be reached."""
    parts, token = urlsplit(service.base_url), token_of(service)
    secret = cast("dict[str, str]", service.headers or {})
    origin = f"{parts.scheme}://{parts.netloc}"
    said = []
    for proof, url in ((Proof.FILE, f"{origin}{FILE}"), (Proof.HEADER, service.base_url)):
        try:
            page = await http.fetch(url, policy=policy, headers=secret, at=clock())
        except Unreachable as error:
            said.append(f"{url}: {error}")
            continue
        shown = page.text.strip() if proof == Proof.FILE and page.status == 200 else page.headers.get(HEADER.lower(), "")
        if compare_digest(shown.strip().encode(), token.encode()):
            return Look(proof, "")
        said.append(f"{url} answered {page.status}, without the token")
    return Look(None, "; ".join(said))


async def find(service: Service, *, policy: AddressPolicy, clock: Callable[[], datetime]) -> Look:
    """As `look`, with a refusal of the address policy told as what was said."""
    try:
        return await look(service, policy=policy, clock=clock)
    except Refused as refused:
        return Look(None, str(refused))


@transaction.atomic
def settle(*, service: Service, found: Look, actor: User | None, now: datetime, token: str = "") -> bool:
    """Keep what a look brought: the service is confirmed, or the refusal goes into the trail. Returns which."""
    if found.proof is None:
        refuse(service=service, what="confirmation", why=found.said, actor=actor, token=token)
        return False
    _confirm(service, found.proof, actor, now, why="", token=token)
    return True


@transaction.atomic
def approve(*, service: Service, actor: User, now: datetime, why: str) -> None:
    """An administrator answers for it, with a reason. Raises NotConfirmed without one."""
    if not why.strip():
        raise NotConfirmed("Say why this service may be loaded without its owner's token.")
    _confirm(service, Proof.APPROVED, actor, now, why=why.strip(), token="")


@transaction.atomic
def withdraw(*, service: Service, actor: User | None, token: str = "") -> None:
    before = {"confirmed_how": service.confirmed_how}
    service.confirmed_at, service.confirmed_by, service.confirmed_how = None, None, ""
    service.save(update_fields=["confirmed_at", "confirmed_by", "confirmed_how"])
    audit.record(actor=actor, action="service.unconfirm", subject=service, before=before, token=token)


@transaction.atomic
def refuse(*, service: Service, what: str, why: str, actor: User | None, token: str = "") -> None:
    """Note what was refused for this service and why; its page shows it."""
    audit.record(actor=actor, action=REFUSED, subject=service, after={"refused": what}, why=why[:1000], token=token)


def refusals(service: Service) -> list[AuditEntry]:
    """The newest refusals of a service."""
    found = AuditEntry.objects.filter(subject_type=service._meta.label_lower, subject_id=str(service.pk), action=REFUSED)
    return list(found.select_related("actor")[:SHOWN])


def _confirm(service: Service, proof: Proof, actor: User | None, now: datetime, *, why: str, token: str) -> None:
    service.confirmed_at, service.confirmed_by, service.confirmed_how = now, actor, proof
    service.save(update_fields=["confirmed_at", "confirmed_by", "confirmed_how"])
    audit.record(
        actor=actor, action="service.confirm", subject=service, after={"confirmed_how": str(proof)}, why=why, token=token
    )
