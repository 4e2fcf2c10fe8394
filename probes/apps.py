from django.apps import AppConfig
from django.core.checks import register

from probes.checks import check_allow_list, check_load


class ProbesConfig(AppConfig):
    name = "probes"
    verbose_name = "Services and probes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(check_allow_list)
        register(check_load)
