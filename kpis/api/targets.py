"""Targets: propose by people and tokens, decide by people who may approve, never one's own proposal."""

from __future__ import annotations

from functools import partial

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, scopes
from accounts.problems import Problem, invalid
from kpis import targets
from kpis.api import inputs, shapes
from kpis.api.deciding import decision
from kpis.api.lookup import kpi_or_404, visible_kpis
from kpis.commitments import in_force
from kpis.faults import BadTarget
from kpis.models import KPI, Target

KEPT = ("alert_threshold", "severity", "for_s", "recover_s", "due_on")
BASELINE = ("baseline", "baseline_on", "baseline_stated")
"""What a proposal that leaves it out takes over from the version in force; an explicit null drops it."""


@extend_schema(methods=["GET"], responses=Page[shapes.TargetOut])
@extend_schema(methods=["POST"], request=inputs.ProposalIn, responses={201: shapes.TargetOut})
@scopes(GET=Scope.READ, POST=Scope.TARGETS_PROPOSE)
@api_view(["GET", "POST"])
def target_list(request: Request, scorecard: str, key: str) -> Response:
    """The versions of a KPI's target, newest first; POST proposes the next one.

    What a proposal leaves out stays as it is in the version in force; null drops it. A version's `warnings` ask, by
    path, whether a figure that was taken was meant: `< 95` of a KPI in `ratio` is 9,500 %.
    """
    kpi = kpi_or_404(request, scorecard, key)
    if request.method == "POST":
        return _propose(request, kpi)
    pages = CursorPagination()
    pages.ordering = ("-number",)
    page = pages.paginate_queryset(kpi.targets.select_related("proposed_by", "decided_by"), request) or []
    return pages.get_paginated_response([shapes.target(version) for version in page])


def _propose(request: Request, kpi: KPI) -> Response:
    form = inputs.ProposalIn(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    before = in_force([kpi], timezone.now()).get(kpi.pk)
    sent = form.validated_data
    # A baseline that stays as it is stays a measured one, where it was measured.
    names = (*KEPT, *(BASELINE if any(name in sent for name in BASELINE) else targets.MEASURED))
    kept = {name: getattr(before, name) for name in names} if before else {}
    try:
        target = targets.propose(kpi=kpi, actor=actor, token=token, **(kept | sent))
    except BadTarget as error:
        raise invalid([{"path": f"$.{field}", "detail": detail} for field, detail in error.errors.items()]) from error
    except targets.Refused as error:
        raise Problem(409, "refused", "Refused", str(error)) from error
    return Response(shapes.target(target), status=201)


def _target(request: Request, pk: int) -> Target:
    target = Target.objects.filter(kpi__in=visible_kpis(request), pk=pk).select_related("kpi").first()
    if target is None:
        raise Http404("There is no such target.")
    return target


_decision = partial(decision, noun="target", find=_target, show=shapes.target)
target_approve = _decision(targets.approve, scope=Scope.APPROVE, takes=inputs.ApprovalIn)
target_reject = _decision(targets.reject, scope=Scope.APPROVE)
target_withdraw = _decision(targets.withdraw, scope=Scope.TARGETS_PROPOSE)
