from collections.abc import Callable

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from kpis.models import KPI, Measurement, Target
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db
MODELS = list(apps.get_app_config("kpis").get_models())


@pytest.fixture
def root(settings) -> Client:  # type: ignore[no-untyped-def]
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="correct horse battery"))
    return client


def test_every_model_is_registered() -> None:
    assert [model.__name__ for model in MODELS if model not in admin.site._registry] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_list_and_search_answer(root: Client, model: type) -> None:
    kpi = make_kpi()
    make_target(kpi)
    record_values(kpi, [1, 2])
    url = reverse(f"admin:kpis_{model._meta.model_name}_changelist")  # type: ignore[attr-defined]
    assert [root.get(url).status_code, root.get(url, {"q": "x"}).status_code] == [200, 200]


@pytest.mark.parametrize("model", [Measurement, Target])
def test_history_is_read_only(root: Client, model: type[Measurement | Target]) -> None:
    kpi = make_kpi()
    make_target(kpi)
    record_values(kpi, [1])
    row = model._default_manager.get()
    url = reverse(f"admin:kpis_{model._meta.model_name}_change", args=[row.pk])
    assert (root.get(url).status_code, root.post(url, {"value": "9"}).status_code) == (200, 403)


@pytest.mark.parametrize("used", [lambda kpi: record_values(kpi, [1]), make_target])
def test_what_figures_and_targets_rest_on_stays(root: Client, used: Callable[[KPI], object]) -> None:
    kpi = make_kpi("latency")
    used(kpi)
    url = reverse("admin:kpis_kpi_change", args=[kpi.pk])
    fields = {"name": "Latency", "category": "technical", "across": "worst", "window_s": 60, "freshness_s": 60, "position": 0}
    wanted = {"unit": "s", "direction": "higher", "aggregation": "sum", "reference": 5, "reference_unit": "count", "key": "other"}
    assert root.post(url, fields | wanted).status_code == 302
    kpi.refresh_from_db()
    assert (kpi.name, kpi.unit, kpi.direction, kpi.aggregation, kpi.reference, kpi.key) == (
        "Latency", "ms", "lower", "mean", None, "latency",
    )  # fmt: skip


def test_an_edited_scorecard_counts_up(root: Client) -> None:
    card = make_scorecard("plan")
    root.post(reverse("admin:kpis_scorecard_change", args=[card.pk]), {"name": "Plan", "slug": "plan"})
    card.refresh_from_db()
    assert (card.name, card.version) == ("Plan", 2)


def test_edited_kpi_counts_up_and_leaves_an_audit_entry(root: Client) -> None:
    kpi = make_kpi("latency")
    url = reverse("admin:kpis_kpi_change", args=[kpi.pk])
    form = root.get(url).context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None} | {"name": "Latency"}
    data = {name: value for name, value in data.items() if not isinstance(value, bool)}
    assert root.post(url, data).status_code == 302
    assert KPI.objects.values_list("name", "version").get() == ("Latency", 2)
    assert AuditEntry.objects.get().before == {"name": "latency"}
