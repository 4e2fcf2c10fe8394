"""Forms of people on duty: taking an alert up, channels and their routes, planned quiet, rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from accounts.forms import Styled, VersionedForm
from kpis import channels
from kpis.alerting import LONGEST_S
from kpis.models import KPI, Channel, Kind, Route, Rule, Scorecard, Silence
from kpis.models.alerts import RULED
from kpis.planned_form import PlannedForm, ZoneField


class AcknowledgeForm(Styled, forms.Form):
    note = forms.CharField(
        max_length=2000, required=False, label="Note",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "What you know, what you do about it"}),
    )  # fmt: skip


class RouteForm(Styled, forms.ModelForm):
    class Meta:
        model = Route
        fields = ["severity", "scorecard", "service"]
        labels = {"severity": "Tell of this and worse"}
        help_texts = {"severity": ""}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose_scorecard(self.fields["scorecard"])

    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in channels.ROUTED}


class ChannelForm(Styled, forms.ModelForm):
    """What all kinds share. The fields of a kind are secret: empty, they stay as they are."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Channel
        fields = ["name", "enabled", "quiet_from", "quiet_until", "quiet_zone", "quiet_below"]
        labels = {
            "quiet_from": "Quiet from", "quiet_until": "Quiet until", "quiet_below": "In quiet hours, only this and worse",
            "quiet_zone": "Time zone of the quiet hours",
        }  # fmt: skip
        widgets = {name: forms.TimeInput(attrs={"type": "time"}, format="%H:%M") for name in ("quiet_from", "quiet_until")}
        help_texts = {"quiet_below": "Everything else waits for their end and then comes as a digest."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].initial = self.instance.version
        self.fields["quiet_zone"] = ZoneField(label="Time zone of the quiet hours")
        self.fields["quiet_zone"].widget.attrs["class"] = "form-control"
        if self.instance.pk:
            for name in self.secret_names():
                self.fields[name].required = False
                self.fields[name].help_text = "Not shown. Leave it empty to keep it."

    def secret_names(self) -> list[str]:
        return [name for name in ("to", "url", "secret") if name in self.fields]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if (data.get("quiet_from") is None) != (data.get("quiet_until") is None):
            self.add_error("quiet_until", "Quiet hours need both a beginning and an end.")
        return data

    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in channels.EDITABLE}

    def config(self) -> dict[str, Any] | None:
        """What was typed; None where nothing was."""
        typed = {name: self.cleaned_data[name] for name in self.secret_names() if self.cleaned_data.get(name)}
        return typed or None


class MailForm(ChannelForm):
    to = forms.CharField(label="Addresses, one a line", widget=forms.Textarea(attrs={"rows": 3}), max_length=5000)
    field_order = ["name", "to"]

    def clean_to(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["to"].replace(",", "\n").splitlines() if line.strip()]


class WebhookForm(ChannelForm):
    url = forms.CharField(label="Address", max_length=2000, widget=forms.TextInput(attrs={"placeholder": "https://…"}))
    secret = forms.CharField(
        label="Secret to sign with", max_length=200, required=False,
        help_text="whsec_… by the Standard Webhooks specification; empty, one is made and shown once.",
    )  # fmt: skip
    field_order = ["name", "url", "secret"]

    def config(self) -> dict[str, Any] | None:
        typed = super().config()
        if typed is not None and not self.instance.pk:
            typed.setdefault("secret", channels.new_secret())
        return typed


class ChatForm(ChannelForm):
    url = forms.CharField(
        label="Apprise address", max_length=2000, help_text="Such as slack://…, msteams://…, tgram://…, ntfy://host/topic.",
    )  # fmt: skip
    field_order = ["name", "url"]


FORMS: Mapping[str, type[ChannelForm]] = {"mail": MailForm, "webhook": WebhookForm, "chat": ChatForm}


class SilenceForm(PlannedForm):
    everything = forms.BooleanField(
        required=False, label="About everything", help_text="Every alert of every scorecard and service."
    )

    class Meta:
        model = Silence
        fields = ["reason", "starts_at", "ends_at", "zone", "repeat", "rule", "scorecard", "kpi", "service", "everything"]
        labels = {"kpi": "KPI"}
        widgets = {"reason": forms.TextInput(attrs={"placeholder": "Maintenance of the database"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="silence-%s", **kwargs)
        _choose_scorecard(self.fields["scorecard"], nothing="not named")
        _choose_kpi(self.fields["kpi"], nothing="not named")


class RuleForm(VersionedForm):
    kind = forms.ChoiceField(choices=RULED, label="Alert when it is")
    for_min = forms.FloatField(min_value=0, max_value=LONGEST_S / 60, initial=0, label="For at least, minutes")
    recover_min = forms.FloatField(
        min_value=0, max_value=LONGEST_S / 60, initial=0, label="Over when it was good for, minutes",
        help_text="Within it (five minutes at least), it is the same alert again.",
    )  # fmt: skip
    every_h = forms.FloatField(
        min_value=0.1, max_value=8784, required=False, label="Expected every, hours", help_text="For what did not arrive.",
    )  # fmt: skip

    class Meta:
        model = Rule
        fields = [
            "kind", "scorecard", "kpi", "severity", "for_min", "recover_min", "every_h", "service", "branch", "objective",
            "min_events",
        ]  # fmt: skip
        labels = {"kpi": "KPI", "objective": "Promised share of good events", "min_events": "Fewest events"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="rule-%s", **kwargs)
        _choose_scorecard(self.fields["scorecard"])
        _choose_kpi(self.fields["kpi"])
        if self.instance.pk:
            stated = [("for_min", self.instance.for_s, 60), ("recover_min", self.instance.recover_s, 60)]
            for name, seconds, part in [*stated, ("every_h", self.instance.every_s, 3600)]:
                self.initial[name] = None if seconds is None else f"{seconds / part:g}" if seconds % part == 0 else seconds / part

    def _post_clean(self) -> None:
        """The verb judges what fits together, and says it field by field."""

    def changes(self) -> dict[str, Any]:
        data = {name: value for name, value in self.cleaned_data.items() if name != "version"}
        every_h = data.pop("every_h")
        data["for_s"], data["recover_s"] = round(data.pop("for_min") * 60), round(data.pop("recover_min") * 60)
        data["every_s"] = round(every_h * 3600) if every_h and data["kind"] == Kind.ABSENT else None
        return data


def _choose_scorecard(field: Any, nothing: str = "every scorecard") -> None:
    field.queryset = Scorecard.objects.filter(archived_at=None).order_by("name")
    field.empty_label = nothing


def _choose_kpi(field: Any, nothing: str = "every KPI") -> None:
    field.queryset = KPI.objects.active().select_related("scorecard").order_by("scorecard__name", "name")
    field.empty_label = nothing
