from collections.abc import Iterator

from django.db import migrations, models

from kpis.stats.histogram import Histogram

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}
CHUNK = 2000


def _chunks(model) -> Iterator[list]:
    """(id, histogram, the KPI's aggregation) of rollups with a histogram, a bounded number at once."""
    rows = model.objects.exclude(histogram=None).order_by("pk").values_list("pk", "histogram", "series__kpi__aggregation")
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield chunk
        last = chunk[-1][0]


def read(apps, editor):
    model = apps.get_model("kpis", "Rollup")
    table = editor.quote_name(model._meta.db_table)
    statement = f"UPDATE {table} SET percentile = %s, sample_low = %s, sample_high = %s WHERE id = %s"
    with editor.connection.cursor() as cursor:
        for chunk in _chunks(model):
            found = []
            for pk, data, aggregation in chunk:
                histogram, percent = Histogram.from_bytes(data), PERCENTILES.get(aggregation)
                found.append((None if percent is None else histogram.percentile(percent), *histogram.ends, pk))
            cursor.executemany(statement, found)


class Migration(migrations.Migration):
    """What charts and lists read of a rollup's histogram stands beside it, so that they need not unpack it."""

    dependencies = [("kpis", "0009_messages_put_aside")]

    operations = [
        migrations.AddField(
            model_name="rollup",
            name="percentile",
            field=models.FloatField(blank=True, help_text="The KPI's percentile as read from the histogram.", null=True),
        ),
        migrations.AddField(
            model_name="rollup",
            name="sample_low",
            field=models.FloatField(blank=True, help_text="Lowest sample of the histogram.", null=True),
        ),
        migrations.AddField(
            model_name="rollup",
            name="sample_high",
            field=models.FloatField(blank=True, help_text="Highest sample of the histogram.", null=True),
        ),
        migrations.RunPython(read, migrations.RunPython.noop),
    ]
