"""The audit trail is append-only, on both databases, whoever asks; and every role exists as a group."""

from django.db import migrations

SQLITE = [
    f"""
    CREATE TRIGGER audit_entry_no_{verb.lower()} BEFORE {verb} ON accounts_auditentry
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """
    for verb in ("UPDATE", "DELETE")
]
POSTGRESQL = [
    """
    CREATE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$
    """,
    """
    CREATE TRIGGER audit_entry_fixed BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_refuse()
    """,
    """
    CREATE TRIGGER audit_entry_kept BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse()
    """,
]


def fix(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def loosen(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER audit_entry_no_update")
        schema_editor.execute("DROP TRIGGER audit_entry_no_delete")
    else:
        schema_editor.execute("DROP TRIGGER audit_entry_fixed ON accounts_auditentry")
        schema_editor.execute("DROP TRIGGER audit_entry_kept ON accounts_auditentry")
        schema_editor.execute("DROP FUNCTION audit_entry_refuse()")


def make_roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ("viewer", "manager", "engineer", "approver", "auditor", "administrator"):
        group.objects.using(schema_editor.connection.alias).get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(fix, loosen), migrations.RunPython(make_roles, migrations.RunPython.noop)]
