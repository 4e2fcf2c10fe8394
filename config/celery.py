"""The Celery application and its short beat schedule.

The database holds what must be done (due rows, the outbox); a message only says that somebody should look.
A lost message therefore costs one tick, never a run.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("milepost")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
