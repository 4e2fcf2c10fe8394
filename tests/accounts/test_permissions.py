from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group
from django.db import connection
from django.test import Client

from accounts.permissions import PEOPLE_ONLY, ROLES, Scope, may, scopes_of
from tests.factories import People, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", sorted(ROLES))
def test_role_gives_exactly_its_scopes(role: str) -> None:
    user = make_user(role)
    assert scopes_of(user) == ROLES[role]
    assert [scope for scope in Scope if may(user, scope)] == [scope for scope in Scope if scope in ROLES[role]]


def test_strangers_and_people_without_a_role_may_nothing() -> None:
    assert scopes_of(AnonymousUser()) == frozenset()
    user = make_user("viewer")
    user.groups.clear()
    user.known_scopes = None
    assert scopes_of(user) == frozenset()


def test_only_administrators_do_everything_and_tokens_never_decide() -> None:
    assert [role for role, scopes in ROLES.items() if scopes == frozenset(Scope)] == ["administrator"]
    assert frozenset({Scope.APPROVE, Scope.AUDIT, Scope.ADMINISTER}) == PEOPLE_ONLY


def test_every_role_is_there_from_the_start() -> None:
    # What the migration does: a transactional test that ran before has emptied the table.
    migration = import_module("accounts.migrations.0002_audit_and_roles")
    migration.make_roles(apps, SimpleNamespace(connection=connection))
    assert set(Group.objects.values_list("name", flat=True)) >= set(ROLES)


def test_refused_page_names_who_may(as_viewer: Client, people: People) -> None:
    answer = as_viewer.get("/services/new/")
    assert answer.status_code == 403
    assert "engineer or administrator" in answer.content.decode()
