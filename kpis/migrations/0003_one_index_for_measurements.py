from django.db import migrations, models
import django.db.models.deletion

COVERING = """
ALTER TABLE kpis_measurement DROP CONSTRAINT measurement_identity;
ALTER TABLE kpis_measurement ADD CONSTRAINT measurement_identity UNIQUE (series_id, at, origin) INCLUDE (value, count);
"""
PLAIN = """
ALTER TABLE kpis_measurement DROP CONSTRAINT measurement_identity;
ALTER TABLE kpis_measurement ADD CONSTRAINT measurement_identity UNIQUE (series_id, at, origin);
"""


def on_postgresql(sql):
    def run(apps, editor):
        if editor.connection.vendor == "postgresql":
            editor.execute(sql)

    return run


class Migration(migrations.Migration):
    """The identity's index covers what charts read; the index that did, and those of the foreign keys alone, are not needed."""

    dependencies = [("kpis", "0002_references_and_notes")]

    operations = [
        migrations.RemoveIndex(model_name="measurement", name="measurement_cover"),
        migrations.AlterField(
            model_name="measurement",
            name="series",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="measurements", to="kpis.series"
            ),
        ),
        migrations.AlterField(
            model_name="rollup",
            name="series",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="rollups", to="kpis.series"
            ),
        ),
        migrations.RunPython(on_postgresql(COVERING), on_postgresql(PLAIN)),
    ]
