from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import throttling, tokens
from accounts.models import ApiToken, AuditEntry
from tests.factories import People

pytestmark = pytest.mark.django_db


def status(api: Any, secret: str, path: str = "/api/v1/kpis/") -> int:
    return int(api(secret).get(path).status_code)


def test_only_a_hash_is_stored(people: People) -> None:
    token, secret = tokens.issue(owner=people.engineer, name="ci", scopes=["read"])
    stored = ApiToken.objects.values().get()
    assert secret not in str(stored)
    assert token.digest == tokens.digest(secret)
    assert secret.startswith(token.prefix)


def test_token_reads_what_its_scope_says(people: People, make_token: Any, api: Any) -> None:
    assert status(api, make_token(people.engineer, ["read"])) == 200
    refused = api(make_token(people.engineer, ["results:write"])).get("/api/v1/kpis/")
    assert (refused.status_code, refused.json()["scope"]) == (403, "read")


@pytest.mark.parametrize("how", ["unknown", "revoked", "expired", "inactive owner"])
def test_invalid_token_is_401(how: str, people: People, api: Any) -> None:
    now = timezone.now()
    token, secret = tokens.issue(owner=people.engineer, name="ci", scopes=["read"], expires_at=now + timedelta(hours=1))
    if how == "unknown":
        secret += "x"
    elif how == "revoked":
        tokens.revoke(token=token, actor=people.engineer, now=now)
    elif how == "expired":
        ApiToken.objects.update(expires_at=now)
    else:
        people.engineer.is_active = False
        people.engineer.save()
    answer = api(secret).get("/api/v1/kpis/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_token_loses_what_its_owner_loses(people: People, make_token: Any, api: Any) -> None:
    secret = make_token(people.engineer, ["read"])
    people.engineer.groups.clear()
    assert status(api, secret) == 403


@pytest.mark.parametrize("scope", ["plan:write", "approve", "administer", "nonsense"])
def test_token_never_gets_more_than_its_owner(scope: str, people: People) -> None:
    with pytest.raises(tokens.BadToken, match=scope):
        tokens.issue(owner=people.engineer, name="ci", scopes=[scope])


def test_last_use_is_noted(people: People, make_token: Any, api: Any) -> None:
    secret = make_token(people.engineer, ["read"])
    status(api, secret)
    assert ApiToken.objects.get().last_used_at is not None


def test_page_shows_the_secret_once(as_engineer: Client, api: Any) -> None:
    answer = as_engineer.post("/tokens/", {"name": "ci", "scopes": ["read"], "days": "30"})
    secret = str(answer.context["secret"])
    assert secret in answer.content.decode()
    assert status(api, secret) == 200
    assert secret not in as_engineer.get("/tokens/").content.decode()
    assert [entry.action for entry in AuditEntry.objects.filter(action="token.issue")] == ["token.issue"]


def test_nobody_revokes_another_ones_token(as_viewer: Client, people: People) -> None:
    token, _ = tokens.issue(owner=people.engineer, name="ci", scopes=["read"])
    assert as_viewer.post(f"/tokens/{token.pk}/revoke/").status_code == 404


def test_command_prints_a_working_token(people: People, api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_token", "--owner", "engineer", "--scope", "read")
    assert status(api, capsys.readouterr().out.strip()) == 200
    with pytest.raises(CommandError, match="no such person"):
        call_command("create_token", "--owner", "nobody", "--scope", "read")


def test_person_issues_and_revokes_by_the_api(as_engineer: Client, api: Any) -> None:
    asked = {"name": "ci", "scopes": ["read"], "services": ["orders"]}
    answer = as_engineer.post("/api/v1/tokens/", asked, content_type="application/json")
    assert (answer.status_code, answer["Cache-Control"], answer.json()["services"]) == (201, "no-store", ["orders"])
    secret = answer.json()["secret"]
    assert status(api, secret) == 200
    assert secret not in as_engineer.get("/api/v1/tokens/").content.decode()
    address = f"/api/v1/tokens/{answer.json()['id']}/"
    assert api(secret).delete(address).status_code == 403
    assert as_engineer.delete(address).status_code == 204
    assert status(api, secret) == 401


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"scopes": ["plan:write"]}, "$.scopes"),
        ({"scopes": ["read", "nonsense"]}, "$.scopes[1]"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "$.expires_at"),
    ],
)
def test_refused_token_says_where(wrong: dict[str, Any], path: str, as_engineer: Client) -> None:
    asked = {"name": "ci", "scopes": ["read"]} | wrong
    answer = as_engineer.post("/api/v1/tokens/", asked, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert not ApiToken.objects.exists()


def test_guessing_tokens_has_to_wait(people: People, make_token: Any, api: Any) -> None:
    for _ in range(throttling.MOST):
        assert status(api, "mp_guess") == 401
    answer = api("mp_guess").get("/api/v1/kpis/")
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    assert status(api, make_token(people.engineer, ["read"])) == 200  # others at the same address work on
