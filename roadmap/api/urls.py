"""The plan's part of `/api/v1/`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from roadmap.api import exchange, gates, money, plan, risks

urlpatterns: list[URLPattern | URLResolver] = [
    path("roadmaps/", plan.roadmap_list, name="roadmap-list"),
    path("roadmaps/import/", exchange.import_file, name="roadmap-import"),
    path("roadmaps/<slug:slug>/", plan.roadmap_detail, name="roadmap-detail"),
    path("roadmaps/<slug:slug>/phases/", plan.phase_list, name="phase-list"),
    path("roadmaps/<slug:slug>/phases/<int:number>/", plan.phase_detail, name="phase-detail"),
    path("roadmaps/<slug:slug>/tasks/", plan.task_list, name="task-list"),
    path("roadmaps/<slug:slug>/impacts/", plan.impact_list, name="roadmap-impact-list"),
    path("roadmaps/<slug:slug>/costs/", money.cost_list, name="cost-list"),
    path("roadmaps/<slug:slug>/benefits/", money.benefit_list, name="benefit-list"),
    path("roadmaps/<slug:slug>/risks/", risks.risk_list, name="risk-list"),
    path("roadmaps/<slug:slug>/load-profiles/", plan.load_profile_list, name="roadmap-load-profile-list"),
    path("roadmaps/<slug:slug>/alert-rules/", plan.alert_rule_list, name="alert-rule-list"),
    path("roadmaps/<slug:slug>/roi/", money.roi_detail, name="roi"),
    path("roadmaps/<slug:slug>/findings/", exchange.findings_list, name="findings"),
    path("roadmaps/<slug:slug>/export/", exchange.export_file, name="roadmap-export"),
    path("tasks/<int:pk>/", plan.task_detail, name="task-detail"),
    path("impacts/", plan.impact_list, name="impact-list"),
    path("impacts/<int:pk>/", plan.impact_detail, name="impact-detail"),
    path("impacts/<int:pk>/confirm/", plan.impact_confirm, name="impact-confirm"),
    path("costs/<int:pk>/", money.cost_detail, name="cost-detail"),
    path("costs/<int:pk>/entries/", money.cost_book, name="cost-book"),
    path("benefits/<int:pk>/", money.benefit_detail, name="benefit-detail"),
    path("benefits/<int:pk>/kpis/", money.benefit_kpis, name="benefit-kpis"),
    path("risks/<int:pk>/", risks.risk_detail, name="risk-detail"),
    path("risks/<int:pk>/triggers/", risks.risk_triggers, name="risk-triggers"),
    path("risks/<int:pk>/mitigations/", risks.mitigation_list, name="mitigation-list"),
    path("mitigations/<int:pk>/", risks.mitigation_detail, name="mitigation-detail"),
    path("gates/<int:pk>/", gates.gate_detail, name="gate-detail"),
    path("gates/<int:pk>/close/", gates.gate_close, name="gate-close"),
    path("gates/<int:pk>/waive/", gates.gate_waive, name="gate-waive"),
    path("gate-waivers/<int:pk>/approve/", gates.waiver_approve, name="gate-waiver-approve"),
    path("gate-waivers/<int:pk>/reject/", gates.waiver_reject, name="gate-waiver-reject"),
    path("gate-waivers/<int:pk>/withdraw/", gates.waiver_withdraw, name="gate-waiver-withdraw"),
    path("gate-waivers/<int:pk>/end/", gates.waiver_end, name="gate-waiver-end"),
    path("load-profiles/", plan.load_profile_list, name="load-profile-list"),
]
