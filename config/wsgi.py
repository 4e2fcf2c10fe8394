import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

# What start-up made stays for good: without this the collector walks through all of it in the middle of answers.
gc.freeze()

# A batch of measurements and a page of a hundred rows make more than the usual 700 objects, of which nearly none is in a cycle.
gc.set_threshold(10_000, 20, 20)
