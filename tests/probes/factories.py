"""Real rows for tests of probes."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.utils import timezone

from kpis.models import KPI
from probes import loading
from probes.models import Feed, Probe, Run, RunState, Service

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_numbers = count(1)

Made = Callable[..., Any]


def make_service(url: str = "http://127.0.0.1:9", slug: str = "", **fields: Any) -> Service:
    slug = slug or f"service-{next(_numbers)}"
    return Service.objects.create(slug=slug, name=fields.pop("name", slug), base_url=url, environment="test", **fields)


def make_probe(
    service: Service | None = None, kind: str = "http", *, feeds: dict[str, KPI] | None = None, **fields: Any
) -> Probe:
    defaults: dict[str, Any] = {"interval_s": 60, "next_run_at": NOW, "params": {"requests": 2} if kind == "http" else {}}
    probe = Probe.objects.create(service=service or make_service(), kind=kind, **(defaults | fields))
    for metric, kpi in (feeds or {}).items():
        Feed.objects.create(probe=probe, metric=metric, kpi=kpi)
    return probe


def make_run(probe: Probe, **fields: Any) -> Run:
    defaults: dict[str, Any] = {
        "state": RunState.DONE, "outcome": "ok", "due_at": NOW, "started_at": NOW, "finished_at": NOW, "queue_delay_ms": 3,
    }  # fmt: skip
    return Run.objects.create(probe=probe, **(defaults | fields))


SMALL = {"stages": ["5 users for 3s"], "think": "fixed 100ms", "warm_up_s": 0.5}


def make_load_probe(url: str = "http://127.0.0.1:9", *, confirmed: bool = False, **params: Any) -> Probe:
    service = make_service(url, confirmed_at=timezone.now() if confirmed else None)
    return make_probe(service, "load", enabled=False, params={**SMALL, **params})


def start_load(probe: Probe) -> Run:
    return loading.start(probe=probe, actor=None, now=timezone.now())
