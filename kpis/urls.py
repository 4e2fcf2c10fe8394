"""Pages and API of this application; `config.urls` mounts both."""

from django.urls import URLPattern, URLResolver, path

from kpis import badges, results_api
from kpis.api import urls as api_urls

app_name = "kpis"

urlpatterns: list[URLPattern | URLResolver] = [
    path("badges/kpi/<slug:slug>/<slug:key>.svg", badges.kpi_badge, name="kpi-badge"),
]
api_urlpatterns: list[URLPattern | URLResolver] = [
    *api_urls.urlpatterns,
    path("results/", results_api.result_list, name="result-list"),
    path("results/<uuid:pk>/", results_api.result_detail, name="result-detail"),
    path("results/<uuid:pk>/invalidate/", results_api.result_invalidate, name="result-invalidate"),
]
