"""Forms of people and tokens. `Styled` gives every field the look and the attributes that assistive technology needs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.utils import timezone

from accounts import people, throttling
from accounts.models import User
from accounts.permissions import PEOPLE_ONLY, scopes_of


class Styled:
    """Mix-in for forms: classes of the kit, and errors tied to their field."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            widget = field.widget
            if isinstance(widget, forms.Select) and not isinstance(widget, (forms.CheckboxSelectMultiple, forms.RadioSelect)):
                widget.attrs.setdefault("class", "form-select")
            elif not isinstance(widget, (forms.CheckboxInput, forms.CheckboxSelectMultiple, forms.RadioSelect)):
                widget.attrs.setdefault("class", "form-control")


class VersionedForm(Styled, forms.ModelForm):
    """What was shown is what is edited: the row's `version` goes along and comes back; saving ends in a verb."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].initial = self.instance.version
        for name in ("assignee", "owner", "approver"):
            if name in self.fields:
                self.fields[name].queryset = User.objects.filter(is_active=True).order_by("username")  # type: ignore[attr-defined]
                self.fields[name].empty_label = "not stated"  # type: ignore[attr-defined]

    @property
    def shown_fields(self) -> list[str]:
        return [name for name in self.fields if name != "version"]

    def changes(self) -> dict[str, Any]:
        """What the person set, by model field."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or ()}


class LoginForm(Styled, AuthenticationForm):
    """Log-in that waits after too many failures: of a name at an address, of the address, and of the name anywhere."""

    def clean(self) -> dict[str, Any]:
        address = throttling.address_of(self.request)
        name = str(self.cleaned_data.get("username", ""))[:140]
        pair = f"login:{name.lower()}@{address}"
        limits = {pair: throttling.MOST, f"login-address:{address}": throttling.MOST_PER_ADDRESS}
        limits[f"login-name:{name.lower()}"] = throttling.MOST_PER_NAME
        for key, most in limits.items():
            left = throttling.wait(key, now=timezone.now(), most=most)
            if left:
                minutes = int(left.total_seconds() // 60) + 1
                raise forms.ValidationError(f"Too many failed attempts. Try again in {minutes} min.", code="throttled")
        try:
            cleaned = super().clean()
        except forms.ValidationError:
            for key in limits:
                throttling.note_failure(key, now=timezone.now())
            people.note_failed_login(username=name, address=address)
            raise
        throttling.forget(pair)
        return cleaned


class ChangePasswordForm(Styled, PasswordChangeForm):
    """A new password, the old one known."""


class ResetPasswordForm(Styled, PasswordResetForm):
    """Where to send the link to."""


class NewPasswordForm(Styled, SetPasswordForm):
    """A new password, by the link of a mail."""


class TokenForm(Styled, forms.Form):
    name = forms.CharField(max_length=100, help_text="What it is for, such as “orders CI”.")
    scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, help_text="Only what it needs.")
    services = forms.CharField(
        required=False,
        help_text="Slugs, separated by commas; empty means every service. Changes nothing else; reads every KPI.",
    )
    scorecards = forms.CharField(
        required=False,
        help_text="Slugs, separated by commas; empty means every scorecard. Others are hidden, and what feeds them stays.",
    )
    days = forms.IntegerField(min_value=1, max_value=3650, initial=365, required=False, label="Days until it expires")

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = sorted(str(scope) for scope in scopes_of(owner) - PEOPLE_ONLY)
        self.fields["scopes"].choices = [(scope, scope) for scope in mine]  # type: ignore[attr-defined]

    def clean_services(self) -> list[str]:
        return [part.strip() for part in self.cleaned_data["services"].split(",") if part.strip()]

    def clean_scorecards(self) -> list[str]:
        return [part.strip() for part in self.cleaned_data["scorecards"].split(",") if part.strip()]

    def expires_at(self) -> Any:
        days = self.cleaned_data.get("days")
        return timezone.now() + timedelta(days=days) if days else None
