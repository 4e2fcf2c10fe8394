import re

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import throttling
from accounts.models import Failure, User
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
    assert "Too many failed attempts" in log_in(PASSWORD, "manager"), "the address guesses, whatever name it tries"
    assert log_in(PASSWORD, address="203.0.113.6") == "in", "the person is not locked out elsewhere"


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
    assert as_manager.get("/admin/").status_code == 302
