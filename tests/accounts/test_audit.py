from importlib import import_module

import pytest
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
    ["UPDATE accounts_auditentry SET why = 'bent'", "DELETE FROM accounts_auditentry", "TRUNCATE accounts_auditentry"],
)
def test_trail_is_append_only_in_the_database(statement: str, people: People) -> None:
    audit.record(actor=people.manager, action="task.done", subject=people.viewer)
    before = AuditEntry.objects.count()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == before


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
    assert as_auditor.get("/activity/?from=nonsense").status_code == 200
    assert as_viewer.get("/activity/").status_code == 403


def test_roles_are_written_down(people: People) -> None:
    entry = AuditEntry.objects.get(action="person.roles", subject_id=str(people.engineer.pk))
    assert entry.after == {"roles": ["engineer"]}
