"""SQLite's `INSERT OR REPLACE` deletes without asking the triggers of DELETE: an entry that is there is not written again."""

from django.db import migrations


def fix(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("""
            CREATE TRIGGER audit_entry_no_replace BEFORE INSERT ON accounts_auditentry
            WHEN EXISTS (SELECT 1 FROM accounts_auditentry WHERE id = NEW.id)
            BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
        """)


def loosen(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER audit_entry_no_replace")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_audit_and_roles")]
    operations = [migrations.RunPython(fix, loosen)]
