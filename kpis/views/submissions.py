"""What CI jobs sent, and what was said to them."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import Scope, require
from accounts.requests import PageRequest
from kpis.forms import ReasonForm
from kpis.mapping import Refused
from kpis.models import Submission
from kpis.results import invalidate

LOOKS = {
    "pass": ("circle-check", "met", "Pass"),
    "warn": ("alert-triangle", "behind", "Warn"),
    "fail": ("alert-octagon", "breached", "Fail"),
    "error": ("alert-octagon", "breached", "Error"),
    "no_data": ("circle-dashed", "nodata", "No data"),
    "inconclusive": ("help-circle", "stale", "Inconclusive"),
}


@require(Scope.READ)
@require_GET
def submission_list(request: PageRequest) -> HttpResponse:
    found = Submission.objects.select_related("submitted_by")
    for name in ("service", "branch", "verdict"):
        if value := request.GET.get(name, "").strip():
            found = found.filter(**{name: value})
    page = Paginator(found.defer("document"), 50).get_page(request.GET.get("page"))
    rows = [(one, LOOKS[one.verdict]) for one in page]
    return render(request, "kpis/submission_list.html", {"page": page, "rows": rows, "verdicts": LOOKS})


@require(Scope.READ)
@require_GET
def submission_detail(request: PageRequest, pk: str) -> HttpResponse:
    return _page(request, get_object_or_404(Submission.objects.select_related("submitted_by", "scorecard"), pk=pk), ReasonForm())


@require(Scope.RESULTS_WRITE)
@require_POST
def submission_invalidate(request: PageRequest, pk: str) -> HttpResponse:
    submission = get_object_or_404(Submission, pk=pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, submission, form, status=422)
    try:
        invalidate(submission=submission, actor=request.user, why=form.cleaned_data["why"], now=timezone.now())
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The result no longer counts: its measurements are taken out.")
    return redirect("kpis:submission-detail", pk=pk)


def _page(request: PageRequest, submission: Submission, form: ReasonForm, status: int = 200) -> HttpResponse:
    objectives = [(one, LOOKS[one["verdict"]]) for one in submission.document.get("objectives", [])]
    context = {"submission": submission, "look": LOOKS[submission.verdict], "objectives": objectives, "form": form}
    return render(request, "kpis/submission_detail.html", context, status=status)
