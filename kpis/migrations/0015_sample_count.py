from collections.abc import Iterator

from django.db import migrations, models

from kpis.stats.histogram import Histogram

CHUNK = 2000
COVERING = """
DROP INDEX rollup_days;
CREATE INDEX rollup_days ON kpis_rollup (series_id, at)
INCLUDE (points, count, total, plain_total, low, high, last, percentile, sample_count) WHERE resolution = 'day';
"""
BEFORE = """
DROP INDEX rollup_days;
CREATE INDEX rollup_days ON kpis_rollup (series_id, at)
INCLUDE (points, count, total, plain_total, low, high, last, reported, percentile) WHERE resolution = 'day';
"""


def on_postgresql(sql):
    def run(apps, editor):
        if editor.connection.vendor == "postgresql":
            editor.execute(sql)

    return run


def _chunks(model) -> Iterator[list]:
    """(histogram, id) of rollups, a bounded number at once."""
    rows = model.objects.exclude(histogram=None).order_by("pk").values_list("histogram", "pk")
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield chunk
        last = chunk[-1][1]


def count(apps, editor):
    model = apps.get_model("kpis", "Rollup")
    statement = f"UPDATE {editor.quote_name(model._meta.db_table)} SET sample_count = %s WHERE id = %s"
    with editor.connection.cursor() as cursor:
        for chunk in _chunks(model):
            cursor.executemany(statement, [(Histogram.from_bytes(data).count, pk) for data, pk in chunk])


class Migration(migrations.Migration):
    """How many samples a rollup's histogram holds stands beside it too: a run may count more than it gives samples of."""

    dependencies = [("kpis", "0014_names_written_out")]

    operations = [
        migrations.AddField(
            model_name="rollup",
            name="sample_count",
            field=models.PositiveBigIntegerField(blank=True, help_text="How many samples the histogram holds.", null=True),
        ),
        migrations.RunPython(on_postgresql(COVERING), on_postgresql(BEFORE)),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
