"""When the plan did something, for the charts of KPIs: phases at work and the days on which tasks were done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from kpis.models import KPI
from roadmap.models import Phase, Task, TaskState


def moments(kpi: KPI) -> dict[str, list[dict[str, Any]]]:
    """Of every plan of the KPI's scorecard; times in milliseconds since 1970, as charts take them."""
    phases = Phase.objects.filter(roadmap__scorecard=kpi.scorecard_id, started_on__isnull=False).select_related("roadmap")
    touching = Q(impacts__kpi=kpi) | Q(phase__impacts__kpi=kpi) | Q(phase__gate__kpis=kpi)
    tasks = Task.objects.filter(touching, phase__roadmap__scorecard=kpi.scorecard_id, state=TaskState.DONE).distinct()
    return {
        "phases": [
            {
                "from": phase.started_on.isoformat() if phase.started_on else None,
                "to": phase.finished_on.isoformat() if phase.finished_on else None,
                "text": f"phase {phase.number}, {phase.name}",
            }
            for phase in phases.order_by("started_on")
        ],
        "tasks": [
            {"at": _ms(task.state_changed_at), "text": task.title}
            for task in tasks.filter(state_changed_at__isnull=False).order_by("state_changed_at")[:200]
        ],
    }


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


@require_safe
def kpi_moments(request: HttpRequest, scorecard: str, key: str) -> HttpResponse:
    return JsonResponse(moments(get_object_or_404(KPI, scorecard__slug=scorecard, key=key)))
