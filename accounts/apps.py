from django.apps import AppConfig
from django.db.backends.signals import connection_created


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import timestamps  # noqa: PLC0415 - models must be loaded before it

        connection_created.connect(timestamps.quicken, dispatch_uid="timestamps")
