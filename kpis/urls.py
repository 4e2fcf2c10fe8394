"""Pages and API of this application; `config.urls` mounts both."""

from django.urls import URLPattern, URLResolver, path

from kpis import badges, results_api
from kpis.api import urls as api_urls
from kpis.views import (
    alerts,
    approvals,
    channels,
    defining,
    entering,
    importing,
    kpis,
    quiet,
    reviews,
    scorecards,
    submissions,
    waivers,
)

app_name = "kpis"

urlpatterns: list[URLPattern | URLResolver] = [
    path("scorecards/", scorecards.scorecard_list, name="scorecard-list"),
    path("scorecards/new/", defining.scorecard_new, name="scorecard-new"),
    path("scorecards/<slug:slug>/", scorecards.scorecard_detail, name="scorecard-detail"),
    path("scorecards/<slug:slug>/csv/", scorecards.scorecard_csv, name="scorecard-csv"),
    path("scorecards/<slug:slug>/edit/", defining.scorecard_edit, name="scorecard-edit"),
    path("scorecards/<slug:slug>/archive/", defining.scorecard_archive, name="scorecard-archive"),
    path("scorecards/<slug:slug>/restore/", defining.scorecard_restore, name="scorecard-restore"),
    path("scorecards/<slug:slug>/import/", importing.scorecard_import, name="scorecard-import"),
    path("scorecards/<slug:slug>/import/example/", importing.scorecard_example, name="scorecard-example"),
    path("scorecards/<slug:slug>/new/", defining.kpi_new, name="kpi-new"),
    path("scorecards/<slug:slug>/<slug:key>/", kpis.kpi_detail, name="kpi-detail"),
    path("scorecards/<slug:slug>/<slug:key>/edit/", defining.kpi_edit, name="kpi-edit"),
    path("scorecards/<slug:slug>/<slug:key>/archive/", defining.kpi_archive, name="kpi-archive"),
    path("scorecards/<slug:slug>/<slug:key>/restore/", defining.kpi_restore, name="kpi-restore"),
    path("scorecards/<slug:slug>/<slug:key>/enter/", entering.kpi_enter, name="kpi-enter"),
    path("scorecards/<slug:slug>/<slug:key>/entries/<origin>/", entering.entry_detail, name="entry-detail"),
    path("scorecards/<slug:slug>/<slug:key>/csv/", kpis.kpi_csv, name="kpi-csv"),
    path("scorecards/<slug:slug>/<slug:key>/targets/", kpis.target_propose, name="target-propose"),
    path("scorecards/<slug:slug>/<slug:key>/review/", reviews.kpi_review, name="kpi-review"),
    path("targets/<int:pk>/decide/", kpis.target_decide, name="target-decide"),
    path("approvals/", approvals.approval_list, name="approval-list"),
    path("waivers/", waivers.waiver_list, name="waiver-list"),
    path("waivers/new/", waivers.waiver_new, name="waiver-new"),
    path("waivers/<int:pk>/decide/", waivers.waiver_decide, name="waiver-decide"),
    path("results/", submissions.submission_list, name="submission-list"),
    path("results/<uuid:pk>/", submissions.submission_detail, name="submission-detail"),
    path("results/<uuid:pk>/invalidate/", submissions.submission_invalidate, name="submission-invalidate"),
    path("alerts/", alerts.alert_list, name="alert-list"),
    path("alerts/bell/", alerts.alert_bell, name="alert-bell"),
    path("alerts/<int:pk>/", alerts.alert_detail, name="alert-detail"),
    path("alerts/<int:pk>/acknowledge/", alerts.alert_acknowledge, name="alert-acknowledge"),
    path("alerts/of/<slug:slug>/<slug:key>/", alerts.alert_of_kpi, name="alert-of-kpi"),
    path("alerts/link/<token>/", alerts.alert_link, name="alert-link"),
    path("alerts/channels/", channels.channel_list, name="channel-list"),
    path("alerts/channels/new/<slug:kind>/", channels.channel_new, name="channel-new"),
    path("alerts/channels/<int:pk>/", channels.channel_edit, name="channel-edit"),
    path("alerts/channels/<int:pk>/test/", channels.channel_test, name="channel-test"),
    path("alerts/channels/<int:pk>/archive/", channels.channel_archive, name="channel-archive"),
    path("alerts/channels/<int:pk>/routes/", channels.channel_route, name="channel-route"),
    path("alerts/routes/<int:pk>/remove/", channels.channel_unroute, name="channel-unroute"),
    path("alerts/messages/<int:pk>/resend/", channels.message_resend, name="message-resend"),
    path("alerts/messages/aside/", channels.message_aside, name="message-aside"),
    path("alerts/silences/", quiet.silence_list, name="silence-list"),
    path("alerts/silences/<int:pk>/end/", quiet.silence_end, name="silence-end"),
    path("alerts/rules/", quiet.rule_list, name="rule-list"),
    path("alerts/rules/<int:pk>/switch/", quiet.rule_switch, name="rule-switch"),
    path("badges/kpi/<slug:slug>/<slug:key>.svg", badges.kpi_badge, name="kpi-badge"),
]
api_urlpatterns: list[URLPattern | URLResolver] = [
    *api_urls.urlpatterns,
    path("results/", results_api.result_list, name="result-list"),
    path("results/<uuid:pk>/", results_api.result_detail, name="result-detail"),
    path("results/<uuid:pk>/invalidate/", results_api.result_invalidate, name="result-invalidate"),
]
