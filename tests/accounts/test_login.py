import re
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import throttling
from accounts.models import AuditEntry, Failure, User
from tests.factories import PASSWORD, People

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def log_in(password: str, username: str = "viewer", address: str = "203.0.113.5") -> str:
    answer = Client(REMOTE_ADDR=address).post("/login/", {"username": username, "password": password})
    return "in" if answer.status_code == 302 else answer.content.decode()


def test_right_password_leads_to_the_overview(people: People) -> None:
    assert log_in(PASSWORD) == "in"


def test_too_many_failures_wait_even_with_the_right_password(people: People) -> None:
    for _ in range(throttling.MOST):
        assert "Please enter a correct" in log_in("wrong")
    assert "Too many failed attempts" in log_in(PASSWORD)
    assert log_in(PASSWORD, "manager") == "in", "others at the same address are not locked out"
    assert log_in(PASSWORD, address="203.0.113.6") == "in", "the person is not locked out elsewhere"


def test_an_address_that_tries_many_names_waits(people: People) -> None:
    for number in range(throttling.MOST_PER_ADDRESS):
        log_in("wrong", f"guess-{number}")
    assert "Too many failed attempts" in log_in(PASSWORD)
    assert log_in(PASSWORD, address="203.0.113.6") == "in"


def test_success_forgets_the_failures(people: People) -> None:
    for _ in range(throttling.MOST - 1):
        log_in("wrong")
    assert log_in(PASSWORD) == "in"
    assert not Failure.objects.filter(key__startswith="login:").exists()


def test_password_reset_by_mail(people: People) -> None:
    User.objects.filter(username="viewer").update(email="viewer@example.org")
    client = Client()
    client.post("/password/reset/", {"email": "viewer@example.org"})
    link = re.search(r"/password/reset/\S+", mail.outbox[0].body)
    assert link
    form = client.get(link[0], follow=True)
    client.post(form.request["PATH_INFO"], {"new_password1": "another horse battery", "new_password2": "another horse battery"})
    assert log_in("another horse battery") == "in"
    assert client.get(link[0]).content.decode().count("used already") == 1


def test_first_administrator_by_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", "short")
    with pytest.raises(CommandError, match="too short"):
        call_command("create_admin")
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)
    call_command("create_admin", verbosity=0)
    client = Client()
    assert client.login(username="admin", password=PASSWORD)
    assert client.get("/admin/").status_code == 200
    with pytest.raises(CommandError, match="there already"):
        call_command("create_admin")


def test_admin_site_is_for_administrators(as_manager: Client) -> None:
    refused = as_manager.get("/admin/", follow=True)
    assert refused.status_code == 403
    assert "role administrator" in refused.content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_admin_site_has_no_log_in_of_its_own(method: str, people: People) -> None:
    answer = getattr(Client(), method)("/admin/login/", {"username": "administrator", "password": PASSWORD})
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login/")


def test_failures_are_written_down_without_what_was_typed(people: People) -> None:
    log_in("secret-in-the-right-field")
    log_in("x", username="secret-in-the-wrong-field")
    entries = AuditEntry.objects.filter(action="login.failed").order_by("pk")
    assert [(entry.subject_id, entry.subject) for entry in entries] == [
        (str(people.viewer.pk), "Viewer"),
        ("", "somebody unknown"),
    ]
    assert "secret" not in str(list(AuditEntry.objects.values()))


def test_name_waits_when_many_addresses_guess(people: People) -> None:
    now = timezone.now()
    Failure.objects.bulk_create(Failure(key="login-name:viewer", at=now) for _ in range(throttling.MOST_PER_NAME))
    assert "Too many failed attempts" in log_in(PASSWORD)
    assert log_in(PASSWORD, username="manager") == "in"


def test_proxy_is_believed_only_where_one_is_declared(people: People, settings: Any) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1, 203.0.113.5")
    assert throttling.address_of(request) == "10.0.0.1"
    settings.BEHIND_PROXY = True
    assert throttling.address_of(request) == "203.0.113.5"


def test_generated_password_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_admin", "--generate", "--username", "first")
    password = capsys.readouterr().out.split("Password: ")[1].strip()
    assert Client().login(username="first", password=password)
