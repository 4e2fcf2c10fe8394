from django.db import migrations, models

from probes.addresses import origin


def fill(apps, schema_editor):
    for service in apps.get_model("probes", "Service").objects.only("base_url"):
        service.origin = origin(service.base_url)
        service.save(update_fields=["origin"])


class Migration(migrations.Migration):
    dependencies = [
        ("probes", "0011_unfinished_runs"),
    ]

    operations = [
        migrations.AddField(
            model_name="service",
            name="origin",
            field=models.CharField(
                default="", editable=False, help_text="Host and port of its base URL.", max_length=220
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
