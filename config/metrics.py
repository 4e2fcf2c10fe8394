"""`/metrics`: KPI actuals, targets and statuses, and the lag of probes, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from accounts.models import ApiToken
from config.health import reader_or_loopback
from kpis import duty
from kpis.evaluation import Status
from kpis.models import KPI
from kpis.standing import Standing, standings
from probes import heartbeat


class Milepost(Collector):
    """Read when scraped; nothing is kept between scrapes. Of some scorecards only their KPIs, and no numbers over all."""

    def __init__(self, scorecards: Sequence[str] = ()) -> None:
        self.scorecards = scorecards

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        kpis = KPI.objects.active().select_related("scorecard")
        yield from _kpis(standings(kpis.filter(scorecard__slug__in=self.scorecards) if self.scorecards else kpis, now=now))
        if self.scorecards:
            return
        state = heartbeat.state(now=now)
        yield GaugeMetricFamily("milepost_probe_lag_seconds", "How long the oldest due probe has been waiting", state.lag_s)
        yield GaugeMetricFamily("milepost_probes_due", "Probes that are due and not yet claimed", state.due)
        if state.delay_ms is not None:
            yield GaugeMetricFamily("milepost_run_delay_p95_seconds", "How late runs begin", state.delay_ms / 1000)
        yield from _alerts()


def _alerts() -> Iterator[Metric]:
    alerts = GaugeMetricFamily("milepost_alerts", "Alerts that are open", labels=["state"])
    for state, number in duty.open_counts().items():
        alerts.add_metric([state], number)
    messages = GaugeMetricFamily("milepost_messages", "Messages of alerts that were not taken yet", labels=["state"])
    for state, number in duty.undelivered_counts().items():
        messages.add_metric([state], number)
    yield from (alerts, messages)


def _kpis(found: list[Standing]) -> Iterator[Metric]:
    actual = GaugeMetricFamily("milepost_kpi_actual", "Actual in the KPI's unit", labels=["scorecard", "kpi", "unit"])
    target = GaugeMetricFamily("milepost_kpi_target", "Target in force", labels=["scorecard", "kpi", "unit"])
    status = GaugeMetricFamily("milepost_kpi_status", "1 for the status that holds", labels=["scorecard", "kpi", "status"])
    stale = 0
    for one in found:
        labels = [one.kpi.scorecard.slug, one.kpi.key]
        if one.actual is not None:
            actual.add_metric([*labels, one.unit], one.actual)
        if one.target is not None:
            target.add_metric([*labels, one.unit], one.target.value)
        for name in Status:
            status.add_metric([*labels, str(name)], float(one.status == name))
        stale += one.status == Status.STALE
    yield from (actual, target, status)
    yield GaugeMetricFamily("milepost_kpis_stale", "KPIs whose newest measurement is too old", stale)


@require_safe
@reader_or_loopback
def metrics(request: HttpRequest, token: ApiToken | None) -> HttpResponse:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Milepost(token.scorecards if token else ()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)
