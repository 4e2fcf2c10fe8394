from django.apps import AppConfig
from django.core.checks import register

from kpis.checks import check_allow_list


class KpisConfig(AppConfig):
    name = "kpis"
    verbose_name = "KPIs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(check_allow_list)
