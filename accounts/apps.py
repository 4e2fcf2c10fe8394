from django.apps import AppConfig
from django.db.backends.signals import connection_created

from accounts import timestamps


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        connection_created.connect(timestamps.quicken, dispatch_uid="timestamps")
