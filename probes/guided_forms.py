"""The steps of a guided registration. What one step knows goes on in hidden fields and is checked again by the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django import forms

from accounts.forms import Styled
from kpis.models import KPI
from outgoing.addresses import Refused
from outgoing.secrets import Unsealed, seal, unseal
from probes.discovery import Found
from probes.forms import FORGET, Lines, NamingForm, ProbeForm, Unseen, secret
from probes.kinds import kind_choices, kinds
from probes.models import Probe, Service
from probes.openapi import PATH
from probes.proposing import Proposal, beside, name_of, paths, proposals, slug_of, suggested, units
from probes.registering import (
    SECRETS,
    Order,
    Wrong,
    check_addresses,
    check_headers,
    check_path,
    check_place,
    check_url,
    headers_of,
)

SEALED_S = 3600
"""So long a registration may take before its secrets must be typed again."""


class Sealed(forms.CharField):
    """Secrets that go from step to step without being shown."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> dict[str, Any]:
        if not value:
            return {}
        try:
            found = unseal(str(value), within_s=SEALED_S)
        except Unsealed:
            raise forms.ValidationError(
                "The secrets were typed too long ago: go back to the address and type them again."
            ) from None
        return {name: found[name] for name in SECRETS if name in found}


class AddressForm(Styled, forms.Form):
    """Step 1: where to look."""

    base_url = forms.CharField(
        label="Base address", max_length=200,
        help_text="Such as http://orders.internal:8000, with a path if all its routes begin with it.",
    )  # fmt: skip
    metrics_url = forms.CharField(
        label="Metrics", max_length=300, required=False,
        help_text="Path or full address. Empty: the usual places are tried.",
    )  # fmt: skip
    health_path = forms.CharField(
        label="Health path", max_length=200, required=False, help_text="Empty: the usual ones are tried."
    )
    headers = forms.CharField(
        label="Secret headers",
        required=False,
        widget=Unseen(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
        help_text="If it wants a token: one a line, Name: value. Sent along, kept encrypted, never shown again.",
    )
    database_dsn = secret("Database", "postgres://user:password@host:5432/name, of a role that may only read.")
    redis_url = secret("Redis", "redis://user:password@host:6379")
    sealed = Sealed(required=False)

    def clean_base_url(self) -> str:
        url = str(self.cleaned_data["base_url"]).strip()
        return _taken(check_url, url if "://" in url else f"http://{url}")

    def clean_metrics_url(self) -> str:
        return _taken(check_place, self.cleaned_data["metrics_url"])

    def clean_health_path(self) -> str:
        return _taken(check_path, self.cleaned_data["health_path"])

    def clean_headers(self) -> dict[str, str]:
        try:
            found = headers_of(self.cleaned_data["headers"])
            check_headers(found)
        except Wrong as wrong:
            raise forms.ValidationError(wrong.errors["headers"]) from None
        return found

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        try:
            check_addresses(Service(**{name: cleaned.get(name, "") for name in ("database_dsn", "redis_url")}))
        except Wrong as wrong:
            for field, text in wrong.errors.items():
                self.add_error(field, text)
        return cleaned

    def secrets(self) -> dict[str, Any]:
        """What was typed now, over what was typed before."""
        typed = {name: self.cleaned_data[name] for name in SECRETS if self.cleaned_data.get(name)}
        known = {**self.cleaned_data["sealed"], **typed}
        return {name: value for name, value in known.items() if value != FORGET}


def _taken(check: Callable[[str], None], place: str) -> str:
    try:
        check(place)
    except Refused as refused:
        raise forms.ValidationError(str(refused)) from None
    return place


class AnyPath(forms.MultipleChoiceField):
    """Routes that were found: any that could be asked, since the next step does not look again."""

    def valid_value(self, value: Any) -> bool:
        return bool(PATH.fullmatch(str(value)))


class Signs(forms.MultipleChoiceField):
    """Which metric of which kind can be told, as kind.metric: what suggestions rest on."""

    def valid_value(self, value: Any) -> bool:
        kind, _, metric = str(value).partition(".")
        return kind in kinds() and metric in kinds()[kind].METRICS


class DescribeForm(NamingForm):
    """Step 2: what the service is called, and what of it is measured."""

    sealed = Sealed(required=False)
    routes = AnyPath(label="Routes to measure", required=False, widget=forms.CheckboxSelectMultiple)
    paths = Lines(label="More paths", required=False, help_text="One a line, such as /users?limit=20.")
    kinds = forms.MultipleChoiceField(label="Measure", required=False, widget=forms.CheckboxSelectMultiple)
    signs = Signs(required=False, widget=forms.MultipleHiddenInput)

    class Meta(NamingForm.Meta):
        widgets = {"base_url": forms.HiddenInput}

    field_order = ["name", "slug", "environment", "tags", "metrics_url", "health_path", "routes", "paths", "kinds"]

    def __init__(self, *args: Any, found: Found | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["paths"].widget.attrs["rows"] = 2
        self.fields["kinds"].choices = sorted(kind_choices(), key=lambda one: one[0] != "http")  # type: ignore[attr-defined]
        routes = [tried.route.path for tried in found.routes] if found else []
        self.fields["routes"].choices = [(path, path) for path in routes]  # type: ignore[attr-defined]

    def clean_paths(self) -> list[str]:
        for path in self.cleaned_data["paths"]:
            if not PATH.fullmatch(path):
                raise forms.ValidationError(f"{path}: a path begins with / and has no blanks and no braces.")
        return list(self.cleaned_data["paths"])

    def filled(self) -> Service:
        service: Service = self.save(commit=False)
        for name, value in self.cleaned_data["sealed"].items():
            setattr(service, name, value)
        return service

    def asked_paths(self) -> list[str]:
        return list(dict.fromkeys([*self.cleaned_data["routes"], *self.cleaned_data["paths"]])) or ["/"]


def described(found: Found, secrets: dict[str, Any]) -> dict[str, Any]:
    """What step 2 begins with."""
    name, told = name_of(found), proposals(found)
    asked = paths(found)
    offered = {tried.route.path for tried in found.routes}
    return {
        "base_url": found.base_url, "name": name, "slug": slug_of(name), "environment": "production",
        "metrics_url": found.metrics_url, "health_path": found.health.path if found.health else "",
        "routes": [path for path in asked if path in offered], "paths": [path for path in asked if path not in offered],
        "kinds": [one.kind for one in beside(told, secrets)],
        "signs": [f"{one.kind}.{metric}" for one in told for metric in one.metrics],
        "sealed": seal(secrets) if secrets else "",
    }  # fmt: skip


def probe_forms(describe: DescribeForm, data: Any = None) -> list[ProbeForm]:
    """Step 3: one form for each chosen kind, with the KPIs that it could feed; of a form that is valid."""
    known = list(KPI.objects.active().select_related("scorecard"))
    wanted = _wanted(describe)
    offers = suggested([(one.kind, units(one)) for one in wanted], known)
    return [_probe_form(one, known, {m: kpis for (kind, m), kpis in offers.items() if kind == one.kind}, data) for one in wanted]


def _wanted(describe: DescribeForm) -> list[Proposal]:
    """What was chosen, as it was proposed; a kind that nothing told of suggests no KPI."""
    told: dict[str, tuple[str, ...]] = {}
    for sign in describe.cleaned_data["signs"]:
        kind, _, metric = sign.partition(".")
        told[kind] = (*told.get(kind, ()), metric)
    proposed = beside([Proposal(kind, metrics, "") for kind, metrics in told.items()], describe.cleaned_data["sealed"])
    by_kind = {one.kind: one for one in proposed}
    chosen = [by_kind.get(kind, Proposal(kind, (), "")) for kind in describe.cleaned_data["kinds"]]
    return [replace(one, params={"paths": describe.asked_paths()}) if one.kind == "http" else one for one in chosen]


def _probe_form(wanted: Proposal, known: Sequence[KPI], offers: dict[str, list[KPI]], data: Any) -> ProbeForm:
    probe = Probe(kind=wanted.kind, params=wanted.params, interval_s=kinds()[wanted.kind].DEFAULT_INTERVAL_S)
    return ProbeForm(data, probe=probe, prefix=wanted.kind, candidates=known, suggested=offers)


def orders(forms_: Sequence[ProbeForm]) -> list[Order]:
    """The probes of valid forms."""
    found = []
    for form in forms_:
        probe = form.probe
        probe.params = form.cleaned_data["params"]
        probe.interval_s, probe.enabled = form.cleaned_data["interval_s"], form.cleaned_data["enabled"]
        found.append(Order(probe, form.feeds()))
    return found
