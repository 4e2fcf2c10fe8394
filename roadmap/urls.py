"""Pages and API of this application; `config.urls` mounts both."""

from django.urls import URLPattern, URLResolver, path

from roadmap import moments
from roadmap.api.urls import urlpatterns as api_urlpatterns
from roadmap.views import editing, files, overview, phases, plans, results, tasks

__all__ = ["api_urlpatterns", "app_name", "urlpatterns"]

app_name = "roadmap"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="overview"),
    path("roadmaps/", plans.roadmap_list, name="roadmap-list"),
    path("roadmaps/import/", files.roadmap_import, name="roadmap-import"),
    path("roadmaps/<slug:slug>/", plans.roadmap_detail, name="roadmap-detail"),
    path("roadmaps/<slug:slug>/edit/", editing.roadmap_edit, name="roadmap-edit"),
    path("roadmaps/<slug:slug>/export/", files.roadmap_export, name="roadmap-export"),
    path("roadmaps/<slug:slug>/phases/<int:number>/", plans.phase_detail, name="phase-detail"),
    path("roadmaps/<slug:slug>/phases/<int:number>/close/", phases.phase_close, name="phase-close"),
    path("roadmaps/<slug:slug>/phases/<int:number>/reopen/", phases.phase_reopen, name="phase-reopen"),
    path("roadmaps/<slug:slug>/phases/<int:number>/waiver/", phases.waiver_request, name="waiver-request"),
    path("roadmaps/<slug:slug>/roi/", results.roi, name="roi"),
    path("roadmaps/<slug:slug>/risks/", results.risks, name="risks"),
    path("gate-waivers/", phases.waiver_list, name="waiver-list"),
    path("gate-waivers/<int:pk>/decide/", phases.waiver_decide, name="waiver-decide"),
    path("tasks/<int:pk>/state/", tasks.task_state, name="task-state"),
    path("tasks/<int:pk>/edit/", editing.edit, {"noun": "task"}, name="task-edit"),
    path("costs/<int:pk>/edit/", editing.edit, {"noun": "cost"}, name="cost-edit"),
    path("costs/<int:pk>/book/", editing.cost_book, name="cost-book"),
    path("benefits/<int:pk>/edit/", editing.edit, {"noun": "benefit"}, name="benefit-edit"),
    path("risks/<int:pk>/edit/", editing.edit, {"noun": "risk"}, name="risk-edit"),
    path("mitigations/<int:pk>/edit/", editing.edit, {"noun": "mitigation"}, name="mitigation-edit"),
    path("impacts/<int:pk>/confirm/", editing.impact_confirm, name="impact-confirm"),
    path("moments/<slug:scorecard>/<slug:key>.json", moments.kpi_moments, name="kpi-moments"),
]
