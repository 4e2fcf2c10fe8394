"""Pages about the person who is logged in, their tokens, and the audit trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, PasswordResetView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import activity as trail
from accounts import spreadsheets, throttling, tokens
from accounts.forms import LoginForm, ResetPasswordForm, TokenForm
from accounts.models import ApiToken
from accounts.permissions import Scope, require, roles_with, scopes_of
from accounts.requests import PageRequest

SPANS = {"Today": 0, "7 days": 6, "30 days": 29}

login = LoginView.as_view(template_name="accounts/login.html", authentication_form=LoginForm, redirect_authenticated_user=True)


@method_decorator(login_not_required, name="dispatch")
class _PasswordReset(PasswordResetView):
    """Asks for at most a few mails per address: nobody's mailbox is flooded."""

    template_name = "accounts/password_reset.html"
    form_class = ResetPasswordForm
    email_template_name = "accounts/password_reset_email.txt"
    subject_template_name = "accounts/password_reset_subject.txt"
    success_url = "/password/reset/sent/"

    def form_valid(self, form):  # type: ignore[no-untyped-def]
        key = f"reset:{throttling.address_of(self.request)}"
        if throttling.wait(key, now=timezone.now()):
            form.add_error(None, "Too many requests. Try again in a few minutes.")
            return self.form_invalid(form)
        throttling.note_failure(key, now=timezone.now())
        return super().form_valid(form)


password_reset = _PasswordReset.as_view()


@login_not_required
@never_cache
def admin_login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The admin site's own log-in leads to the one log-in page, which knows how to wait; who is in already needs the role."""
    if admin.site.has_permission(request):
        return redirect("admin:index")
    if request.user.is_authenticated:
        raise PermissionDenied(f"This needs the role {' or '.join(roles_with(Scope.ADMINISTER))}.")
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


@require_GET
def account(request: PageRequest) -> HttpResponse:
    """Who I am, what I may do, and the way to everything that the phone's tab bar leaves out."""
    context = {"scopes": sorted(scopes_of(request.user)), "roles": request.user.groups.values_list("name", flat=True)}
    return render(request, "accounts/account.html", context)


@require_http_methods(["GET", "POST"])
def token_list(request: PageRequest) -> HttpResponse:
    """My tokens; a new one's secret is shown in the answer to its form, and never again."""
    form = TokenForm(request.POST or None, owner=request.user)
    secret = ""
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = tokens.issue(
                owner=request.user,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                services=form.cleaned_data["services"],
                scorecards=form.cleaned_data["scorecards"],
                expires_at=form.expires_at(),
            )
        except tokens.BadToken as error:
            form.add_error("scopes", str(error))
        else:
            form = TokenForm(owner=request.user)
    context = {"form": form, "secret": secret, "tokens": request.user.api_tokens.all(), "now": timezone.now()}
    response = render(request, "accounts/tokens.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def token_revoke(request: PageRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk, owner=request.user)
    tokens.revoke(token=token, actor=request.user, now=timezone.now())
    messages.success(request, f"Token {token.name} revoked.")
    return redirect("accounts:token-list")


@require(Scope.AUDIT)
@require_GET
def activity(request: PageRequest) -> HttpResponse:
    """Who changed what, before and after, and why."""
    chosen = trail.Filter.of_query(request.GET)
    page = Paginator(chosen.entries(), 50).get_page(request.GET.get("page"))
    today = timezone.now().date()
    context = {
        "page": page,
        "rows": [trail.told(entry) for entry in page],
        "chosen": chosen,
        "actions": trail.actions(),
        "most": trail.MOST_EXPORTED,
        "spans": [(word, (today - timedelta(days=days)).isoformat()) for word, days in SPANS.items()],
    }
    return render(request, "accounts/activity.html", context, status=422 if chosen.wrong else 200)


@require(Scope.AUDIT)
@require_GET
def activity_export(request: PageRequest, form: str) -> HttpResponseBase:
    """What the filter of the address picks, the newest first, as a file: streamed, and bounded."""
    chosen = trail.Filter.of_query(request.GET)
    if chosen.wrong:
        return redirect(f"{reverse('accounts:activity')}?{request.GET.urlencode()}")
    entries = chosen.entries()
    pieces = spreadsheets.lines(trail.table(entries)) if form == "csv" else trail.document(entries)
    kinds = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
    name = f'attachment; filename="activity-{timezone.now():%Y-%m-%d}.{form}"'
    return StreamingHttpResponse(pieces, content_type=kinds[form], headers={"Content-Disposition": name})
