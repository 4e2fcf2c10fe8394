from django.db import migrations

COVERING = """
CREATE INDEX rollup_days ON kpis_rollup
(series_id, at, points, count, total, plain_total, low, high, last, percentile, sample_count) WHERE resolution = 'day'
"""


def on_sqlite(sql):
    def run(apps, editor):
        if editor.connection.vendor == "sqlite":
            editor.execute(sql)

    return run


class Migration(migrations.Migration):
    """What a month of days is drawn from stands in an index on SQLite too; that has no INCLUDE, so that all of it is key.

    Django makes a table anew where a field changes there, and knows nothing of this index: who changes a rollup makes it again.
    """

    dependencies = [("kpis", "0016_subject_of_a_step")]

    operations = [migrations.RunPython(on_sqlite(COVERING), on_sqlite("DROP INDEX rollup_days"))]
