"""Forms that define a scorecard or a KPI, in the words of people: lengths of time as `5m`, units by what they measure."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q

from accounts.forms import Styled, VersionedForm
from accounts.models import User
from accounts.permissions import Scope, roles_with
from kpis import durations, rhythm
from kpis.defining import fixed
from kpis.models import KPI, PERCENTILES, Across, Aggregation, Direction, Scorecard
from kpis.units import FAMILIES

LONG = forms.Textarea(attrs={"rows": 3})
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
UNIT_WORDS = {
    "ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds", "min": "minutes", "h": "hours",
    "ratio": "ratio, 0 to 1", "%": "percent", "1/s": "per second", "1/min": "per minute", "count": "a plain count",
    "score": "a score, such as of 5", "USD": "US dollars",
}  # fmt: skip
UNITS = [
    (family.capitalize(), [(unit, f"{unit} ({UNIT_WORDS[unit]})" if unit in UNIT_WORDS else unit) for unit in units])
    for family, units in FAMILIES.items()
]
ACROSS = [
    ("Whatever the figure is", [(one.value, one.label) for one in (Across.WORST, Across.NAMED, Across.MERGED)]),
    ("Not for percentiles", [(one.value, one.label) for one in (Across.MEAN, Across.SUM)]),
]
AGGREGATIONS = [
    ("One figure", [(one.value, one.label) for one in Aggregation if one not in PERCENTILES]),
    ("Percentile of all samples", [(one.value, one.label) for one in PERCENTILES]),
]


class DurationField(forms.Field):
    """Seconds, typed as `5m` or `24h`."""

    widget = forms.TextInput(attrs={"maxlength": 40, "autocomplete": "off"})

    def prepare_value(self, value: Any) -> Any:
        return durations.text(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return durations.parse(str(value))
        except durations.BadDuration as error:
            raise forms.ValidationError(str(error)) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(initial != self.to_python(data))
        except forms.ValidationError:
            return True


class RhythmField(forms.CharField):
    """A recurrence rule, typed as `every month` or as the rule itself."""

    widget = forms.TextInput(attrs={"maxlength": 120, "list": "rhythms", "autocomplete": "off", "placeholder": "not reviewed"})

    def prepare_value(self, value: Any) -> Any:
        return rhythm.words(value) if isinstance(value, str) else value

    def to_python(self, value: Any) -> str:
        return rhythm.read(super().to_python(value) or "")


class ScorecardForm(VersionedForm):
    class Meta:
        model = Scorecard
        fields = ("name", "description")
        widgets = {"description": LONG}
        help_texts = {"name": "Such as “Checkout performance”.", "description": "What it governs, and for whom. Markdown."}


class NewScorecardForm(ScorecardForm):
    class Meta(ScorecardForm.Meta):
        fields = ("name", "slug", "description")  # type: ignore[assignment]
        labels = {"slug": "Short name"}
        help_texts = {**ScorecardForm.Meta.help_texts, "slug": "For addresses and the API; made from the name where empty."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False


class KpiForm(VersionedForm):
    """A KPI in full. What its measurements rest on cannot be chosen anew, and says so."""

    unit = forms.ChoiceField(choices=[("", "choose one"), *UNITS], help_text="Of its figures, its target and its baseline.")
    aggregation = forms.ChoiceField(
        choices=AGGREGATIONS, label="The figure is the", help_text="Of what was measured in the window, of one series."
    )
    window_s = DurationField(label="Over the last", help_text="Such as 5m, 24h or 30d, back from the newest measurement.")
    across = forms.ChoiceField(
        choices=ACROSS, label="Across services", help_text="Worst: a target that one service misses is missed."
    )
    freshness_s = DurationField(
        label="Stale after",
        help_text="Such as 10m or 45d: an older figure counts as unknown.",
    )
    review_rule = RhythmField(
        required=False, label="Reviewed", help_text="Choose one, or write a rule such as FREQ=MONTHLY;BYDAY=1MO."
    )
    reference_unit = forms.ChoiceField(
        choices=[("", "not a reduction"), *UNITS],
        required=False,
        label="Raw figures are in",
    )

    class Meta:
        model = KPI
        fields: tuple[str, ...] = (
            "name", "category", "unit", "direction", "aggregation", "window_s", "across", "across_subject", "freshness_s",
            "owner", "approver", "rationale", "review_rule", "review_from",
            "metric", "description", "reference", "reference_unit", "reference_on", "public_badge",
            "position",
        )  # fmt: skip
        widgets = {"description": LONG, "rationale": LONG, "reference_on": DAY, "review_from": DAY}
        labels = {
            "metric": "Usually fed by", "across_subject": "The named series", "reference": "Reference value",
            "reference_on": "Reference of", "review_from": "First review on", "position": "Place in the scorecard",
            "public_badge": "Anybody may see its badge",
        }  # fmt: skip
        help_texts = {
            "name": "Such as “API response time (p95)”.",
            "direction": "Decides whether its target is < or >.",
            "across_subject": "A service's short name; only with “one named series”.",
            "metric": "The reading that a probe offers for it first, such as latency.",
            "description": "What it says and where it comes from. Markdown.",
            "reference": "Only of a reduction, such as of bounce rate, tickets or cost: people give the raw figure, and how much "
            "less it is than this is computed, in %.",
            "reference_on": "The day that the reference is of.",
            "approver": "Who is asked to decide about its targets; any approver may.",
            "rationale": "Why this figure is governed at all. Markdown.",
            "review_from": "The rhythm counts from this day; a month that lacks it is left out.",
            "public_badge": "Without logging in, for a README.",
            "position": "Lower comes first.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["direction"].choices = [("", "choose one"), *Direction.choices]  # type: ignore[attr-defined]
        deciders = Q(groups__name__in=roles_with(Scope.APPROVE)) | Q(is_superuser=True)
        self.fields["approver"].queryset = User.objects.filter(deciders, is_active=True).distinct().order_by("username")  # type: ignore[attr-defined]
        stays = fixed(self.instance) if self.instance.pk else {}
        for name, why in stays.items():
            self._fix(name, why)

    def _fix(self, name: str, why: str) -> None:
        """Show what stands as the only choice; whoever sends another is told why not."""
        field, value = self.fields[name], getattr(self.instance, name)
        field.help_text = "Stays as it is: measurements or targets rest on it."
        if isinstance(field, forms.ChoiceField):
            field.choices = [one for one in _flat(field.choices) if one[0] == ("" if value is None else value)]
            field.error_messages["invalid_choice"] = why
        else:
            field.widget.attrs["readonly"] = True

    @property
    def rhythms(self) -> list[str]:
        """What the browser offers for how often it is reviewed."""
        return list(rhythm.CHOICES.values())

    @property
    def parts(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """The fields by what they are about: (title, what to know, fields)."""
        return [(title, about, [self[name] for name in names if name in self.fields]) for title, about, names in PARTS]


class NewKpiForm(KpiForm):
    class Meta(KpiForm.Meta):
        fields = ("name", "key", *KpiForm.Meta.fields[1:-1])
        help_texts = {**KpiForm.Meta.help_texts, "key": "For addresses, the API and files; made from the name where empty."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].required = False


PARTS = (
    ("What it is", "", ("name", "key", "category", "description")),
    (
        "Who answers for it", "A review asks whether all this still holds.",
        ("owner", "approver", "rationale", "review_rule", "review_from"),
    ),
    ("What is measured", "These stay as they are once something was measured.", ("unit", "direction", "aggregation", "window_s")),
    ("Across services", "How one figure comes out of several series.", ("across", "across_subject", "freshness_s", "metric")),
    (
        "Told as a reduction", "Leave empty unless people give raw figures, and how much less they became is the KPI.",
        ("reference", "reference_unit", "reference_on"),
    ),
    ("Seen by", "", ("public_badge", "position")),
)  # fmt: skip


class WhyForm(Styled, forms.Form):
    """Archive or delete, from the version that was looked at."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    why = forms.CharField(required=False, max_length=1000, label="Why", help_text="Kept with the history.")


def _flat(choices: Any) -> list[tuple[str, str]]:
    return [pair for key, word in choices for pair in (word if isinstance(word, list | tuple) else [(key, word)])]
