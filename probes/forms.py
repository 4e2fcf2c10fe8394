"""Forms of services and probes; a probe's fields are made from its kind's Params."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django import forms

from accounts.forms import Styled, VersionedForm
from kpis.models import KPI
from kpis.units import family
from probes import proposing
from probes.kinds import kinds
from probes.models import Probe, Service
from probes.registering import SECRETS, TAKEN_SLUGS, Wrong, checked_params, headers_of

Suggested = Mapping[str, Sequence[KPI]]

FORGET = "-"


class Unseen(forms.Textarea):
    """Takes lines and never shows them, not even what was just mistyped."""

    def format_value(self, value: Any) -> None:
        return None


def secret(label: str, example: str) -> forms.CharField:
    """A field for a secret: typed unseen, never shown again."""
    return forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        label=label,
        help_text=f"{example} Stored encrypted and never shown; empty keeps what is stored, {FORGET} forgets it.",
    )


class NamingForm(Styled, forms.ModelForm):
    """What a service is called and where it is, without its secrets."""

    tags = forms.CharField(required=False, help_text="Separated by commas.")

    class Meta:
        model = Service
        fields = ["name", "slug", "base_url", "environment", "metrics_url", "health_path", "tags"]
        labels = {"base_url": "Base address", "metrics_url": "Metrics", "health_path": "Health"}
        help_texts = {"slug": "Names its measurements for good: letters, digits, hyphens."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("tags", "")
        if isinstance(self.initial["tags"], list):
            self.initial["tags"] = ", ".join(self.initial["tags"])
        if self.instance.pk:
            self.fields["slug"].disabled = True

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"])
        if slug in TAKEN_SLUGS:
            raise forms.ValidationError(f"“{slug}” is an address of its own here: choose another.")
        return slug

    def clean_tags(self) -> list[str]:
        return [part.strip() for part in self.cleaned_data["tags"].split(",") if part.strip()]


class ServiceForm(NamingForm, VersionedForm):
    """A service that is there, secrets included: these are shown to nobody, not even beside what somebody else saved."""

    headers = forms.CharField(
        required=False,
        widget=Unseen(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
        label="Secret headers",
        help_text="One a line, Name: value. Stored encrypted and never shown; empty keeps what is stored.",
    )

    database_dsn = secret("Database", "postgres://user:password@host:5432/name, of a role that may only read.")
    redis_url = secret("Redis", "redis://user:password@host:6379")

    @property
    def shown_fields(self) -> list[str]:
        return [name for name in super().shown_fields if name not in SECRETS]

    @property
    def holds_secrets(self) -> bool:
        return any(self.data.get(self.add_prefix(name)) for name in SECRETS)

    def clean_headers(self) -> dict[str, str]:
        try:
            return headers_of(self.cleaned_data["headers"])
        except Wrong as wrong:
            raise forms.ValidationError(wrong.errors["headers"]) from None

    def filled(self) -> Service:
        """The instance with what was typed; secret headers replaced only where new ones were given."""
        service: Service = self.save(commit=False)
        service.headers = self.cleaned_data["headers"] or service.headers
        for name in ("database_dsn", "redis_url"):
            typed = self.cleaned_data[name].strip()
            setattr(service, name, "" if typed == FORGET else typed or getattr(service, name))
        return service


class ProbeForm(Styled, forms.Form):
    """Interval, parameters of the kind, and which KPI each metric feeds."""

    interval_s = forms.IntegerField(label="Every, seconds", min_value=5, max_value=86400)
    enabled = forms.BooleanField(label="Enabled", required=False, initial=True)

    def __init__(
        self, *args: Any, probe: Probe, candidates: Sequence[KPI] | None = None, suggested: Suggested | None = None, **kwargs: Any
    ) -> None:
        """`candidates` are the KPIs that may be fed; a new probe begins with those of `suggested` (metric → KPIs)."""
        self.probe = probe
        self.kind = kinds()[probe.kind]
        super().__init__(*args, **kwargs)
        stored = checked_params(probe.kind, probe.params)
        hints = typing.get_type_hints(self.kind.Params, include_extras=True)
        for info in msgspec.structs.fields(self.kind.Params):
            self.fields[f"params.{info.name}"] = _field(hints[info.name], stored[info.name], info.name)
        known = list(KPI.objects.active().select_related("scorecard")) if candidates is None else candidates
        if suggested is None:
            offers = proposing.suggested([(probe.kind, self.kind.METRICS)], known)
            suggested = {metric: found for (_, metric), found in offers.items()}
        for metric, unit in self.kind.METRICS.items():
            self.fields.update(_feed_fields(metric, unit, known, self._fed(metric, suggested)))
        self.initial = {**self.initial, "interval_s": probe.interval_s, "enabled": probe.enabled}
        if probe.pk is not None:
            self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, required=False, initial=probe.version)
        for field in self.fields.values():
            css = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
            if not isinstance(field.widget, forms.CheckboxInput | forms.CheckboxSelectMultiple):
                field.widget.attrs.setdefault("class", css)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        names = [info.name for info in msgspec.structs.fields(self.kind.Params)]
        if not any(f"params.{name}" in self.errors for name in names):
            try:
                cleaned["params"] = checked_params(self.probe.kind, {name: cleaned.get(f"params.{name}") for name in names})
            except Wrong as wrong:
                for field, text in wrong.errors.items():
                    self.add_error(field.partition("[")[0] if field.partition("[")[0] in self.fields else None, text)
        return cleaned

    def feeds(self) -> list[tuple[str, KPI]]:
        chosen = [(metric, int(pk)) for metric in self.kind.METRICS for pk in self._chosen(metric)]
        found = KPI.objects.select_related("scorecard").in_bulk({pk for _, pk in chosen})
        return [(metric, found[pk]) for metric, pk in chosen if pk in found]

    @property
    def feed_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(("feed.", "more."))]

    @property
    def settings_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if not name.startswith(("feed.", "more."))]

    @property
    def shown_fields(self) -> list[str]:
        return [name for name in self.fields if name != "version"]

    @property
    def has_wrong_settings(self) -> bool:
        return any(field.errors for field in self.settings_fields)

    def _chosen(self, metric: str) -> list[str]:
        more = self.cleaned_data.get(f"more.{metric}", "")
        return [*self.cleaned_data.get(f"feed.{metric}", []), *([more] if more else [])]

    def _fed(self, metric: str, suggested: Suggested) -> list[int]:
        if self.probe.pk is None:
            return [kpi.pk for kpi in suggested.get(metric, [])]
        return [feed.kpi_id for feed in self.probe.feeds.all() if feed.metric == metric]


class Lines(forms.CharField):
    """A list of texts, one a line."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial or []).split("\n") != str(data or "").splitlines()

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in str(super().clean(value) or "").splitlines() if line.strip()]


SPELLED = {"cpu": "CPU"}


def _feed_fields(metric: str, unit: str, known: Sequence[KPI], fed: Sequence[int]) -> dict[str, forms.Field]:
    """Boxes for the KPIs that are fed or say they are fed by this metric, and one more of those with a fitting unit."""
    fitting = [kpi for kpi in known if family(kpi.measured_unit) == family(unit)]
    near = [kpi for kpi in fitting if kpi.pk in fed or kpi.metric == metric]
    others = [kpi for kpi in fitting if kpi not in near]
    word = SPELLED.get(metric) or metric.replace("_", " ").capitalize()
    found: dict[str, forms.Field] = {}
    if near:
        found[f"feed.{metric}"] = forms.MultipleChoiceField(
            label=f"{word} feeds", choices=[_choice(kpi) for kpi in near], required=False,
            initial=[str(pk) for pk in fed], widget=forms.CheckboxSelectMultiple,
        )  # fmt: skip
    if others:
        found[f"more.{metric}"] = forms.ChoiceField(
            label=f"{word} also feeds" if near else f"{word} feeds",
            choices=[("", "no other KPI" if near else "no KPI"), *(_choice(kpi) for kpi in others)], required=False,
        )  # fmt: skip
    return found


def _choice(kpi: KPI) -> tuple[str, str]:
    return str(kpi.pk), f"{kpi.name} ({kpi.scorecard})"


def _field(hint: Any, value: Any, name: str) -> forms.Field:
    """A form field for one parameter of a kind, from its annotation."""
    meta = next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, msgspec.Meta)), msgspec.Meta())
    kind = hint.__origin__ if hasattr(hint, "__metadata__") else hint
    base: dict[str, Any] = {
        "label": meta.title or name.replace("_", " "), "help_text": meta.description or "", "initial": value, "required": False,
    }  # fmt: skip
    if kind is bool:
        return forms.BooleanField(**base)
    labels = (meta.extra_json_schema or {}).get("labels", {})
    if typing.get_origin(kind) is typing.Literal:
        return forms.ChoiceField(
            **(base | {"required": True}), choices=[(one, labels.get(one, one)) for one in typing.get_args(kind)]
        )
    if kind in (int, float):
        number: Any = forms.IntegerField if kind is int else forms.FloatField
        return number(**(base | {"required": True}), min_value=meta.ge, max_value=meta.le)
    if typing.get_origin(kind) is list:
        return Lines(**(base | {"required": bool(meta.min_length)}))
    rows = (meta.extra_json_schema or {}).get("rows")
    widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false"}) if rows else forms.TextInput()
    return forms.CharField(**base, max_length=meta.max_length, widget=widget)
