"""Confirmed services: the owner's token in a file or a header, an administrator's word, and refusals that are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from outgoing.addresses import AddressPolicy
from probes.confirming import Look, NotConfirmed, approve, find, refusals, settle, token_of, withdraw
from probes.models import Proof, Service
from probes.registering import save_service
from tests.probes.factories import NOW, make_service

pytestmark = pytest.mark.django_db
LOCAL = AddressPolicy.of(["127.0.0.0/8"])


def answering(*, file: str = "", header: str = "") -> Any:
    """A server with this file at the well-known place, and this header on every other answer."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        at_file = b"/.well-known/milepost.txt" in asked
        body = file if at_file else ""
        extra = f"Milepost-Confirm: {header}\r\n" if header and not at_file else ""
        status = "200 OK" if body or extra else "404 Not Found"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{extra}\r\n{body}".encode())
        await writer.drain()
        writer.close()

    return script


def looked(service: Service) -> Look:
    return asyncio.run(find(service, policy=LOCAL, clock=timezone.now))


@pytest.mark.parametrize(("where", "proof"), [("file", Proof.FILE), ("header", Proof.HEADER)])
def test_the_token_confirms_in_the_file_and_in_the_header(scripted: Any, people: Any, where: str, proof: Proof) -> None:
    service = make_service()
    token: list[str] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(**{where: f"{token[0]}\n" if where == "file" else token[0]})(reader, writer)

    service.base_url = scripted(script)
    token.append(token_of(service))
    found = looked(service)
    assert found == Look(proof, "")
    assert settle(service=service, found=found, actor=people.engineer, now=NOW)
    service.refresh_from_db()
    assert (service.confirmed_at, service.confirmed_by, service.confirmed_how) == (NOW, people.engineer, proof)
    assert AuditEntry.objects.get(action="service.confirm").after == {"confirmed_how": str(proof)}


def test_another_token_does_not_confirm_and_the_refusal_is_kept(scripted: Any, people: Any) -> None:
    service = make_service(scripted(answering(file="milepost-other")))
    found = looked(service)
    assert not settle(service=service, found=found, actor=people.engineer, now=NOW)
    (entry,) = refusals(service)
    assert (entry.actor, entry.after, "without the token" in entry.why) == (people.engineer, {"refused": "confirmation"}, True)
    service.refresh_from_db()
    assert service.confirmed_at is None


def test_an_address_that_may_not_be_reached_does_not_confirm() -> None:
    assert "never reached" in looked(make_service("http://169.254.169.254")).said


def test_a_token_is_of_one_service_at_one_address() -> None:
    one, other = make_service("http://a.example", slug="a"), make_service("http://a.example", slug="b")
    moved = Service(slug="a", base_url="http://b.example")
    assert token_of(one) == token_of(Service(slug="a", base_url="http://A.example/api"))
    assert len({token_of(one), token_of(other), token_of(moved)}) == 3


def test_an_administrator_approves_with_a_reason(people: Any) -> None:
    service = make_service()
    with pytest.raises(NotConfirmed):
        approve(service=service, actor=people.administrator, now=NOW, why=" ")
    approve(service=service, actor=people.administrator, now=NOW, why="Ours")
    assert (service.confirmed_how, AuditEntry.objects.get(action="service.confirm").why) == (Proof.APPROVED, "Ours")
    withdraw(service=service, actor=people.administrator)
    assert Service.objects.get().confirmed_at is None


def test_a_service_that_moves_is_not_confirmed_any_more(people: Any) -> None:
    service = make_service("http://a.example")
    approve(service=service, actor=people.administrator, now=NOW, why="Ours")
    service.name = "New"
    save_service(service=service, actor=None)
    assert Service.objects.get().confirmed_at == NOW
    service.base_url = "http://b.example"
    save_service(service=service, actor=None)
    assert Service.objects.get().confirmed_at is None
