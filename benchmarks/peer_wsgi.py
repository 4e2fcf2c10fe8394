"""The server of the endpoints that ours are measured beside."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peer_settings"
application = get_wsgi_application()
