"""The server of the endpoints that ours are measured beside, whose collector is told what ours is."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peer_settings"
application = get_wsgi_application()

gc.freeze()
gc.set_threshold(10_000, 20, 20)
