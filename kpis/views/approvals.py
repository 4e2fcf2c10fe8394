"""What waits for a decision: proposed targets and waivers, each with its difference to what is in force."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import Scope, may, require
from accounts.requests import PageRequest
from kpis.approvals import desk
from kpis.views.pages import asks_for, page


@require(Scope.READ)
@require_safe
def approval_list(request: PageRequest) -> HttpResponse:
    """Everybody sees what waits; only who may approve can decide, and nobody about their own."""
    found = desk(user=request.user, may_approve=may(request.user, Scope.APPROVE), now=timezone.now())
    part = asks_for(request, "approvals")
    return page(request, "kpis/_approvals.html" if part else "kpis/approvals.html", {"desk": found})
