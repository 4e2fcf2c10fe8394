from collections.abc import Callable
from importlib import import_module

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction
from django.test import Client

from accounts import audit
from accounts.models import AuditEntry
from tests.factories import People

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


@pytest.fixture
def triggers(db: None) -> None:
    """The triggers of the migration, as every real database has them."""
    with connection.cursor() as cursor:
        editor = connection.schema_editor(atomic=False)
        editor.execute = lambda statement, params=(): cursor.execute(statement)  # type: ignore[method-assign, assignment]
        import_module("accounts.migrations.0002_audit_and_roles").fix(None, editor)


@pytest.mark.usefixtures("triggers")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET why = 'bent'",
        "DELETE FROM accounts_auditentry",
        "TRUNCATE accounts_auditentry",
        "INSERT OR REPLACE INTO accounts_auditentry SELECT * FROM accounts_auditentry",
        "INSERT INTO accounts_auditentry SELECT * FROM accounts_auditentry WHERE true ON CONFLICT (id) DO UPDATE SET why = ''",
    ],
)
def test_trail_is_append_only_in_the_database(statement: str, people: People) -> None:
    audit.record(actor=people.manager, action="task.done", subject=people.viewer)
    before = AuditEntry.objects.count()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == before


def _saved(entry: AuditEntry) -> None:
    entry.why = "bent"
    entry.save()


@pytest.mark.usefixtures("triggers")
@pytest.mark.parametrize(
    "bend",
    [
        _saved,
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.update(why="bent"),
        lambda entry: AuditEntry.objects.all().delete(),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk)._raw_delete("default"),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["why"]),
    ],
)
def test_trail_is_append_only_for_the_application(bend: Callable[[AuditEntry], object], people: People) -> None:
    entry = audit.record(actor=people.manager, action="task.done", subject=people.viewer, why="straight")
    before = AuditEntry.objects.count()
    with pytest.raises(DatabaseError), transaction.atomic():
        bend(entry)
    assert (AuditEntry.objects.count(), AuditEntry.objects.get(pk=entry.pk).why) == (before, "straight")


def test_trail_is_only_looked_at_in_the_admin_site(people: People, as_admin: Client) -> None:
    entry = audit.record(actor=people.manager, action="task.done", subject=people.viewer, why="straight")
    base = "/admin/accounts/auditentry/"
    assert as_admin.get(f"{base}{entry.pk}/change/").status_code == 200
    asked = [f"{base}add/", f"{base}{entry.pk}/change/", f"{base}{entry.pk}/delete/"]
    assert [as_admin.post(url, {"why": "bent", "post": "yes"}).status_code for url in asked] == [403] * 3
    as_admin.post(base, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    entry.refresh_from_db()
    assert entry.why == "straight"


def test_person_in_the_trail_cannot_be_deleted(people: People) -> None:
    audit.record(actor=people.manager, action="task.done", subject=people.viewer)
    with pytest.raises(Exception, match="protected"), transaction.atomic():
        people.manager.delete()


def test_activity_is_for_auditors_and_can_be_filtered(as_auditor: Client, as_viewer: Client, people: People) -> None:
    audit.record(actor=people.manager, action="task.done", subject=people.viewer, why="because", token="robot")
    page = as_auditor.get("/activity/?thing=task.done").content.decode()
    assert "because" in page
    assert "by token robot" in page
    assert "because" not in as_auditor.get("/activity/?person=nobody").content.decode()
    assert as_auditor.get("/activity/?from=nonsense").status_code == 422
    assert as_viewer.get("/activity/").status_code == 403


def test_roles_are_written_down(people: People) -> None:
    entry = AuditEntry.objects.get(action="person.roles", subject_id=str(people.engineer.pk))
    assert entry.after == {"roles": ["engineer"]}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("thing=task.done", 1),
        ("person=Manager", 1),
        ("person=nobody", 0),
        ("thing=task&to=2020-01-01", 0),
        ("thing=task&from=2020-01-01", 1),
        ("thing=%00task", 0),
    ],
)
def test_activity_by_the_api_is_filtered(query: str, found: int, as_auditor: Client, people: People) -> None:
    audit.record(actor=people.manager, action="task.done", subject=people.viewer)
    assert len(as_auditor.get(f"/api/v1/activity/?{query}").json()["results"]) == found
    assert as_auditor.get(f"/activity/?{query}").status_code == 200


def test_activity_by_the_api_is_closed_to_others(as_engineer: Client, as_auditor: Client) -> None:
    assert as_engineer.get("/api/v1/activity/").status_code == 403
    answer = as_auditor.get("/api/v1/activity/?from=nonsense")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "from")


@pytest.mark.parametrize(("role", "inside"), [("administrator", True), ("engineer", False)])
def test_role_given_in_the_admin_site_opens_it(role: str, inside: bool, as_admin: Client, people: People) -> None:
    groups = [Group.objects.get(name=role).pk]
    form = {"username": "viewer", "is_active": "on", "groups": groups}
    assert as_admin.post(f"/admin/accounts/user/{people.viewer.pk}/change/", form).status_code == 302
    people.viewer.refresh_from_db()
    assert (people.viewer.is_staff, people.viewer.is_superuser) == (inside, inside)
    entry = AuditEntry.objects.filter(action="person.roles").first()
    assert entry is not None
    assert (entry.actor, entry.before, entry.after) == (people.administrator, {"roles": ["viewer"]}, {"roles": [role]})
