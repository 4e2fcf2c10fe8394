"""Who may do what: scopes of tokens, roles of people, and the guards of pages and API."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken, User
from accounts.problems import Problem


class Scope(StrEnum):
    READ = "read"
    RESULTS_WRITE = "results:write"
    PROBES_WRITE = "probes:write"
    PLAN_WRITE = "plan:write"
    TARGETS_PROPOSE = "targets:propose"
    ALERTS_WRITE = "alerts:write"
    # People only; never on a token.
    APPROVE = "approve"
    AUDIT = "audit"
    ADMINISTER = "administer"


PEOPLE_ONLY = frozenset({Scope.APPROVE, Scope.AUDIT, Scope.ADMINISTER})
TOKEN_SCOPES = [scope for scope in Scope if scope not in PEOPLE_ONLY]

ROLES: dict[str, frozenset[Scope]] = {
    "viewer": frozenset({Scope.READ}),
    "manager": frozenset({Scope.READ, Scope.PLAN_WRITE, Scope.TARGETS_PROPOSE, Scope.ALERTS_WRITE}),
    "engineer": frozenset({Scope.READ, Scope.PROBES_WRITE, Scope.RESULTS_WRITE, Scope.TARGETS_PROPOSE, Scope.ALERTS_WRITE}),
    "approver": frozenset({Scope.READ, Scope.APPROVE, Scope.TARGETS_PROPOSE}),
    "auditor": frozenset({Scope.READ, Scope.AUDIT}),
    "administrator": frozenset(Scope),
}

View = Callable[..., HttpResponseBase]


def scopes_of(user: User | AnonymousUser) -> frozenset[Scope]:
    """Everything the person's roles allow; a superuser is an administrator. Asked of the database once per request."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return ROLES["administrator"]
    known: frozenset[Scope] | None = getattr(user, "known_scopes", None)
    if known is None:
        names = user.groups.values_list("name", flat=True)
        known = frozenset().union(*(ROLES.get(name, frozenset()) for name in names))
        user.known_scopes = known
    return known


def may(user: User | AnonymousUser, scope: Scope) -> bool:
    return scope in scopes_of(user)


def roles_with(scope: Scope) -> list[str]:
    return [role for role, scopes in ROLES.items() if scope in scopes]


ENTER = (Scope.RESULTS_WRITE, Scope.PLAN_WRITE)
"""Who brings figures by hand or by file: engineers, and managers, who know tickets and cost."""


def require(*scopes: Scope) -> Callable[[View], View]:
    """Guard a page: without one of the scopes it answers 403 and names the roles that have it."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not scopes_of(request.user).intersection(scopes):
                roles = dict.fromkeys(role for scope in scopes for role in roles_with(scope))
                raise PermissionDenied(f"This needs the role {' or '.join(roles)}.")
            return view(request, *args, **kwargs)

        return guarded

    return guard


def scopes(*, per_service: bool = False, **by_method: Scope) -> Callable[[Any], Any]:
    """Say which scope each method of an `@api_view` needs: `@scopes(POST=Scope.PLAN_WRITE)` above `@api_view`.

    With `per_service` the view itself holds a token to the services that it is for; elsewhere such a token changes nothing.
    """

    def mark(view: Any) -> Any:
        view.cls.scopes = by_method
        view.cls.per_service = per_service
        return view

    return mark


class HasScope(BasePermission):
    """The caller has the scope that the view asks for; an unsafe method without a stated scope is refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not hasattr(view, str(request.method).lower()):
            raise MethodNotAllowed(str(request.method))
        needed = getattr(view, "scopes", {}).get(request.method)
        if needed is None and request.method in SAFE_METHODS:
            needed = Scope.READ
        if needed is None:
            raise Problem(403, "forbidden", "Forbidden", "This method is open to nobody.")
        if needed not in granted(request):
            raise Problem(403, "missing-scope", "Missing scope", f"This needs the scope {needed}.", scope=needed)
        changes = request.method not in SAFE_METHODS
        if changes and allowed_services(request) is not None and not getattr(view, "per_service", False):
            raise Problem(403, "restricted", "Forbidden", "Your token is for some services only, and this is of them all.")
        return True


def granted(request: Request) -> frozenset[Scope]:
    """The caller's scopes: of the person, cut down to those of the token that acts for them."""
    if not request.user.is_authenticated:
        raise NotAuthenticated
    own = scopes_of(request.user)
    if isinstance(request.auth, ApiToken):
        return frozenset(scope for scope in own if scope in request.auth.scopes and scope not in PEOPLE_ONLY)
    return own


def allowed_services(request: Request) -> frozenset[str] | None:
    """The services a token is restricted to; None means all."""
    token = request.auth
    return frozenset(token.services) if isinstance(token, ApiToken) and token.services else None


def allowed_scorecards(request: Request) -> frozenset[str] | None:
    """The scorecards a token is restricted to; None means all."""
    token = request.auth
    return frozenset(token.scorecards) if isinstance(token, ApiToken) and token.scorecards else None


def context(request: HttpRequest) -> dict[str, bool]:
    """Context processor: what the navigation and the buttons ask."""
    user = getattr(request, "user", AnonymousUser())
    known = scopes_of(user)
    return {
        "may_audit": Scope.AUDIT in known,
        "may_plan": Scope.PLAN_WRITE in known,
        "may_probe": Scope.PROBES_WRITE in known,
        "may_propose": Scope.TARGETS_PROPOSE in known,
        "may_approve": Scope.APPROVE in known,
        "may_enter": bool(known.intersection(ENTER)),
        "may_alert": Scope.ALERTS_WRITE in known,
        "may_send_results": Scope.RESULTS_WRITE in known,
    }
