"""Pages and API of this application; `config.urls` mounts both."""

from django.urls import URLPattern, URLResolver, path

from probes import (
    api,
    files,
    fleet_views,
    guided,
    load_api,
    load_views,
    maintenance_api,
    maintenance_views,
    registering_api,
    views,
)

app_name = "probes"

urlpatterns: list[URLPattern | URLResolver] = [
    path("services/", views.service_list, name="service-list"),
    path("services/new/", guided.service_create, name="service-create"),
    path("services/actions/", fleet_views.services_act, name="services-act"),
    path("services/import/", files.service_import, name="service-import"),
    path("services/export/", files.service_export, name="service-export"),
    path("services/<slug:slug>/", views.service_detail, name="service-detail"),
    path("services/<slug:slug>/edit/", views.service_edit, name="service-edit"),
    path("services/<slug:slug>/confirm/", fleet_views.service_confirm, name="service-confirm"),
    path("services/<slug:slug>/probes/new/<slug:kind>/", views.probe_create, name="probe-create"),
    path("maintenance/", maintenance_views.maintenance_list, name="maintenance-list"),
    path("maintenance/<int:pk>/end/", maintenance_views.maintenance_end, name="maintenance-end"),
    path("probes/<int:pk>/edit/", views.probe_edit, name="probe-edit"),
    path("probes/<int:pk>/run/", views.probe_run, name="probe-run"),
    path("runs/<int:pk>/", views.run_detail, name="run-detail"),
    path("runs/<int:pk>/stop/", load_views.run_stop, name="run-stop"),
    path("services/<slug:slug>/load/", load_views.load_start, name="load-start"),
]
api_urlpatterns: list[URLPattern | URLResolver] = [
    path("services/", api.services, name="service-list"),
    path("services/discover/", registering_api.look, name="service-discover"),
    path("services/import/", registering_api.import_, name="service-import"),
    path("services/export/", registering_api.export, name="service-export"),
    path("services/actions/", registering_api.act, name="services-act"),
    path("services/<slug:slug>/confirm/", registering_api.confirm, name="service-confirm"),
    path("services/<slug:slug>/", api.service, name="service-detail"),
    path("services/<slug:slug>/probes/", api.probes, name="probe-list"),
    path("maintenance/", maintenance_api.window_list, name="maintenance-list"),
    path("maintenance/<int:pk>/end/", maintenance_api.window_end, name="maintenance-end"),
    path("probes/<int:pk>/", api.probe, name="probe-detail"),
    path("probes/<int:pk>/run/", api.probe_run, name="probe-run"),
    path("runs/", api.runs, name="run-list"),
    path("runs/<int:pk>/", api.run, name="run-detail"),
    path("runs/<int:pk>/stop/", load_api.run_stop, name="run-stop"),
    path("ready-load-profiles/", load_api.ready_profiles, name="ready-profile-list"),
]
