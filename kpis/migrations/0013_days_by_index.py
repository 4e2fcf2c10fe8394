from django.db import migrations

COVERING = """
CREATE INDEX rollup_days ON kpis_rollup (series_id, at)
INCLUDE (points, count, total, plain_total, low, high, last, reported, percentile) WHERE resolution = 'day';
"""


def on_postgresql(sql):
    def run(apps, editor):
        if editor.connection.vendor == "postgresql":
            editor.execute(sql)

    return run


class Migration(migrations.Migration):
    """Lists of many KPIs draw a month of days of every series: on PostgreSQL out of an index, without a look at the table."""

    dependencies = [("kpis", "0012_key_taken_before_storing")]

    operations = [migrations.RunPython(on_postgresql(COVERING), on_postgresql("DROP INDEX rollup_days;"))]
