"""Every kind of channel against a real server; none reaches what the policy does not allow."""

from __future__ import annotations

import email
import socket
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings as django_settings

from kpis.channels import new_secret
from kpis.sending import KINDS, BadConfig, Envelope, Undelivered, check
from outgoing.addresses import AddressPolicy
from tests.kpis.factories import NOW
from tests.kpis.receivers import Receiver

LOCAL, CLOSED = AddressPolicy.of(["127.0.0.0/8"]), AddressPolicy.of([], setting="CHANNEL_ALLOW")


def envelope(at: datetime = NOW) -> Envelope:
    return Envelope(
        key="k-1", at=at, title="Firing: Memory", body="Severity: high", event={"title": "Firing: Memory", "id": "k-1"}
    )


class Mailbox:
    """A real SMTP server."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.answer = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    found = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = False
    yield found
    controller.stop()


def test_kinds_are_found_and_complete() -> None:
    assert sorted(KINDS) == ["chat", "mail", "webhook"]
    with pytest.raises(TypeError, match="LABEL, check, send missing"):
        check("broken", threading)


def test_mail_arrives_with_its_key(mailbox: Mailbox) -> None:
    KINDS["mail"].send({"to": ["duty@example.com"]}, envelope(), CLOSED)
    mail = mailbox.mails[0]
    assert (mail["Subject"], mail["To"], mail["Message-ID"]) == ("Firing: Memory", "duty@example.com", "<k-1@milepost>")
    assert mail["From"] == django_settings.DEFAULT_FROM_EMAIL


@pytest.mark.parametrize(("answer", "permanent"), [("550 no such user", True), ("451 later", False)])
def test_mail_that_is_refused_says_whether_for_good(mailbox: Mailbox, answer: str, permanent: bool) -> None:
    mailbox.answer = answer
    with pytest.raises(Undelivered) as caught:
        KINDS["mail"].send({"to": ["duty@example.com"]}, envelope(), CLOSED)
    assert caught.value.permanent is permanent


def test_mail_server_that_is_down_is_tried_again(mailbox: Mailbox, settings: Any) -> None:
    settings.EMAIL_PORT = 9
    with pytest.raises(Undelivered, match="Connection refused") as caught:
        KINDS["mail"].send({"to": ["duty@example.com"]}, envelope(), CLOSED)
    assert caught.value.permanent is False


def chat(receiver: Receiver) -> dict[str, str]:
    return {"url": receiver.url.replace("http://", "json://")}


def test_chat_goes_through_apprise(receiver: Receiver) -> None:
    receiver.status = 200
    KINDS["chat"].send(chat(receiver), envelope(), LOCAL)
    assert (receiver.taken[0][1]["title"], receiver.taken[0][1]["message"]) == ("Firing: Memory", "Severity: high")


def test_chat_that_fails_tells_the_status_and_no_secret(receiver: Receiver) -> None:
    receiver.status = 503
    url = chat(receiver)["url"].replace("json://", "json://user:hunter2@")
    with pytest.raises(Undelivered) as caught:
        KINDS["chat"].send({"url": url}, envelope(), LOCAL)
    assert (str(caught.value), caught.value.permanent) == ("JSON answered 503", False)


@pytest.mark.parametrize(
    ("status", "permanent"), [(404, True), (410, True), (408, False), (429, False), (500, False), (503, False)]
)
@pytest.mark.parametrize("kind", ["chat", "webhook"])
def test_what_is_refused_for_good_is_told_from_what_may_come_right(
    receiver: Receiver, kind: str, status: int, permanent: bool
) -> None:
    receiver.status = status
    config = chat(receiver) if kind == "chat" else {"url": receiver.url, "secret": new_secret()}
    with pytest.raises(Undelivered) as refused:
        KINDS[kind].send(config, envelope(), LOCAL)
    assert refused.value.permanent is permanent


@pytest.mark.parametrize("kind", ["chat", "webhook"])
def test_private_address_is_refused_before_anything_is_sent(receiver: Receiver, kind: str) -> None:
    config = chat(receiver) if kind == "chat" else {"url": receiver.url, "secret": new_secret()}
    with pytest.raises(Undelivered, match="CHANNEL_ALLOW") as caught:
        KINDS[kind].send(config, envelope(), CLOSED)
    assert (receiver.asked, caught.value.permanent) == (0, True)


@pytest.mark.parametrize("kind", ["chat", "webhook"])
def test_redirect_leads_nowhere(receiver: Receiver, kind: str) -> None:
    receiver.status, receiver.headers = 307, {"Location": "http://169.254.169.254/latest/"}
    config = chat(receiver) if kind == "chat" else {"url": receiver.url, "secret": new_secret()}
    if kind == "chat":
        config["url"] += "?redirect=yes"
    with pytest.raises(Undelivered):
        KINDS[kind].send(config, envelope(), LOCAL)
    assert receiver.taken == []


@pytest.mark.parametrize(
    ("kind", "config", "shown"),
    [
        ("mail", {"to": ["a@example.com", "b@example.com"]}, "a@example.com and 1 more"),
        ("webhook", {"url": "https://hooks.example.com/x?token=1", "secret": new_secret()}, "hooks.example.com"),
        ("chat", {"url": "ntfy://ntfy.example.com/secret-topic"}, "ntfy"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_secret(kind: str, config: dict[str, Any], shown: str) -> None:
    assert KINDS[kind].check(config, CLOSED) == shown


@pytest.mark.parametrize("url", ["syslog://", "dbus://", "gnome://", "windows://", "file:///etc/passwd", ""])
def test_what_speaks_to_the_server_itself_is_refused(url: str) -> None:
    with pytest.raises(BadConfig):
        KINDS["chat"].check({"url": url}, CLOSED)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("169.254.169.254", "is never reached"), ("10.0.0.1", "CHANNEL_ALLOW=10.0.0.1"), ("127.0.0.1:8000", "part of Milepost"),
        ("milepost.internal:8000", "part of Milepost"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["chat", "webhook"])
def test_an_address_that_is_never_reached_is_refused_when_it_is_stored(kind: str, place: str, words: str) -> None:
    own = AddressPolicy.of([], [("127.0.0.1", 8000), ("milepost.internal", 8000)], setting="CHANNEL_ALLOW")
    url = f"json://{place}/" if kind == "chat" else f"http://{place}/"
    with pytest.raises(BadConfig, match=words):
        KINDS[kind].check({"url": url, "secret": new_secret()}, own)


@pytest.mark.parametrize(("allowed", "fits"), [("10.0.0.1:514", True), ("10.0.0.2:514", False)])
def test_a_port_that_is_not_written_is_any_that_an_operator_allowed(allowed: str, fits: bool) -> None:
    policy = AddressPolicy.of([allowed])
    with nullcontext() if fits else pytest.raises(BadConfig):
        KINDS["chat"].check({"url": "rsyslog://10.0.0.1"}, policy)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the library leaves its socket open
def test_what_a_library_lets_through_is_told_in_words() -> None:
    with pytest.raises(Undelivered, match="not a public address"):
        KINDS["chat"].send({"url": "rsyslog://10.0.0.1"}, envelope(), CLOSED)
