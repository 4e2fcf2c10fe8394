"""Pages of services.yaml: import with a preview, export."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.forms import Styled
from accounts.permissions import Scope, require
from accounts.requests import PageRequest
from outgoing.secrets import Unsealed, seal, unseal
from probes import manifest
from probes.forms import Unseen
from probes.importing import Asked, entries_of, load
from probes.models import Service

SEALED_S = 3600


class ImportForm(Styled, forms.Form):
    file = forms.FileField(required=False, help_text="YAML or JSON, format milepost-services/1.")
    text = forms.CharField(
        required=False,
        label="or its text",
        widget=Unseen(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text="It may hold secrets, so it is never shown again: after a mistake, paste it anew.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        file = cleaned.get("file")
        cleaned["source"] = file.read() if file else cleaned.get("text", "")
        if not cleaned["source"] and not self.errors:
            self.add_error("file", "Choose a file, or paste its text.")
        return cleaned


@require(Scope.PROBES_WRITE)
@require_http_methods(["GET", "POST"])
def service_import(request: PageRequest) -> HttpResponse:
    """A file is previewed by a dry run; it comes back sealed, since it may hold secrets, to be applied."""
    if request.method == "POST" and request.POST.get("go") == "apply":
        return _apply(request)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if not form.is_valid():
        return _page(request, form)
    try:
        entries = manifest.read(form.cleaned_data["source"]).services
    except manifest.Malformed as error:
        for path, text in error.errors:
            form.add_error("file", f"{path}: {text}")
        return _page(request, form)
    receipt = load(entries, asked=Asked(request.user, timezone.now(), overwrite=True), dry_run=True)
    sealed = seal(manifest.as_data(entries))
    return _page(request, form, receipt=receipt, sealed=sealed, status=422 if receipt.errors else 200)


def _apply(request: PageRequest) -> HttpResponse:
    form = ImportForm()
    try:
        entries = manifest.parse(unseal(request.POST.get("sealed", ""), within_s=SEALED_S)).services
    except (Unsealed, manifest.Malformed):
        messages.error(request, "The preview is too old: choose the file again.")
        return _page(request, form, status=422)
    asked = Asked(request.user, timezone.now(), overwrite=bool(request.POST.get("overwrite")))
    receipt = load(entries, asked=asked)
    if receipt.errors:
        return _page(request, form, receipt=receipt, sealed=request.POST["sealed"], status=422)
    said = (
        f"{receipt.count('create')} created, {receipt.count('change')} changed, {receipt.count('keep')} kept though they differ."
    )
    messages.success(request, said)
    return redirect("probes:service-list")


def _page(request: PageRequest, form: ImportForm, *, status: int = 0, **context: Any) -> HttpResponse:
    if receipt := context.get("receipt"):
        context["counts"] = {what: receipt.count(what) for what in ("create", "change", "same")}
    return render(request, "probes/import.html", {"form": form, **context}, status=status or (422 if form.errors else 200))


@require(Scope.READ)
@require_GET
def service_export(request: PageRequest) -> HttpResponse:
    text = manifest.write(entries_of(Service.objects.filter(archived_at=None)))
    response = HttpResponse(text, content_type="application/yaml")
    response["Content-Disposition"] = 'attachment; filename="services.yaml"'
    return response
