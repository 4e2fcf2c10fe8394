"""Endpoints of KPIs, below /api/v1/."""

from django.urls import URLPattern, path

from kpis.api import alerts, baselines, comparison, definitions, kpis, measurements, reviews, rules, series, targets, waivers

urlpatterns: list[URLPattern] = [
    path("scorecards/", kpis.scorecard_list, name="scorecard-list"),
    path("scorecards/<slug:slug>/", kpis.scorecard_detail, name="scorecard-detail"),
    path("scorecards/<slug:slug>/archive/", definitions.scorecard_archive, name="scorecard-archive"),
    path("scorecards/<slug:slug>/restore/", definitions.scorecard_restore, name="scorecard-restore"),
    path("kpis/", kpis.kpi_list, name="kpi-list"),
    path("kpis/<slug:scorecard>/<slug:key>/", kpis.kpi_detail, name="kpi-detail"),
    path("kpis/<slug:scorecard>/<slug:key>/archive/", definitions.kpi_archive, name="kpi-archive"),
    path("kpis/<slug:scorecard>/<slug:key>/restore/", definitions.kpi_restore, name="kpi-restore"),
    path("kpis/<slug:scorecard>/<slug:key>/measurements/", kpis.kpi_measurements, name="kpi-measurements"),
    path("kpis/<slug:scorecard>/<slug:key>/comparison/", comparison.kpi_comparison, name="kpi-comparison"),
    path("kpis/<slug:scorecard>/<slug:key>/targets/", targets.target_list, name="target-list"),
    path("kpis/<slug:scorecard>/<slug:key>/baseline/", baselines.baseline, name="kpi-baseline"),
    path("kpis/<slug:scorecard>/<slug:key>/reviews/", reviews.review_list, name="review-list"),
    path("kpis/<slug:scorecard>/<slug:key>/series/", series.series_list, name="series-list"),
    path("series/<int:pk>/set-aside/", series.series_set_aside, name="series-set-aside"),
    path("series/<int:pk>/take-back/", series.series_take_back, name="series-take-back"),
    path("scorecards/<slug:slug>/gaps/", reviews.gap_list, name="gap-list"),
    path("measurements/", measurements.measurement_post, name="measurement-post"),
    path("targets/<int:pk>/approve/", targets.target_approve, name="target-approve"),
    path("targets/<int:pk>/reject/", targets.target_reject, name="target-reject"),
    path("targets/<int:pk>/withdraw/", targets.target_withdraw, name="target-withdraw"),
    path("waivers/", waivers.waiver_list, name="waiver-list"),
    path("waivers/<int:pk>/", waivers.waiver_detail, name="waiver-detail"),
    path("waivers/<int:pk>/approve/", waivers.waiver_approve, name="waiver-approve"),
    path("waivers/<int:pk>/reject/", waivers.waiver_reject, name="waiver-reject"),
    path("waivers/<int:pk>/withdraw/", waivers.waiver_withdraw, name="waiver-withdraw"),
    path("waivers/<int:pk>/end/", waivers.waiver_end, name="waiver-end"),
    path("alerts/", alerts.alert_list, name="alert-list"),
    path("alerts/<int:pk>/", alerts.alert_detail, name="alert-detail"),
    path("alerts/<int:pk>/acknowledge/", alerts.alert_acknowledge, name="alert-acknowledge"),
    path("rules/", rules.rule_list, name="rule-list"),
    path("rules/<int:pk>/", rules.rule_detail, name="rule-detail"),
    path("silences/", alerts.silence_list, name="silence-list"),
    path("silences/<int:pk>/end/", alerts.silence_end, name="silence-end"),
]
