"""What an incident was about at each of its steps: so far, one incident had one subject."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def fill(apps: Any, schema_editor: Any) -> None:
    incidents, steps = apps.get_model("kpis", "Incident"), apps.get_model("kpis", "Transition")
    subject = incidents.objects.filter(pk=OuterRef("incident")).values("subject")[:1]
    steps.objects.update(subject=Subquery(subject))


class Migration(migrations.Migration):
    dependencies = [("kpis", "0015_sample_count")]

    operations = [
        migrations.AddField(
            "transition", "subject", models.CharField(blank=True, default="", help_text="What the incident was about then.", max_length=80), preserve_default=False
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
