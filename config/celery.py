"""The Celery application and its short beat schedule.

The database holds what must be done (due rows, the outbox); a message only says that somebody should look.
A lost message therefore costs one tick, never a run.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("milepost")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def look_after_connections(sender: Any, **_: Any) -> None:
    """Connections are kept from task to task, as a server keeps them from request to request: a tick a second would open one
    each, and prepare its statements anew."""
    if not sender.request.is_eager:  # such a one is part of what calls it
        close_old_connections()
