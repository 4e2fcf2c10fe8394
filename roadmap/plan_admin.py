"""What the admin classes of the plan share. What is saved there counts as an edit too: version and history are kept."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest

from accounts import audit
from accounts.administration import WHY, Quick
from accounts.opened import OpenedAdmin
from accounts.versions import shown
from roadmap.models import Gate, Phase


class PlanAdmin(OpenedAdmin, Quick):
    """Keeps the version and the audit trail; `version` is shown and never typed."""

    readonly_fields: ClassVar[tuple[str, ...]] = ("version",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = {name: shown(form.initial.get(name)) for name in form.changed_data} if change else {}
        if change and form.changed_data:
            obj.version += 1
        super().save_model(request, obj, form, change)
        if not change and isinstance(obj, Phase):
            Gate.objects.get_or_create(phase=obj)
        if form.changed_data:
            _record(request, obj, "change" if change else "create", before, form)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        who, token = audit.actor_of(request)
        audit.record(actor=who, action=f"{obj._meta.model_name}.remove", subject=obj, token=token)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        rows = formset.save(commit=False)
        for gone in formset.deleted_objects:
            who, token = audit.actor_of(request)
            audit.record(actor=who, action=f"{gone._meta.model_name}.remove", subject=gone, token=token)
            gone.delete()
        forms = {id(inline.instance): inline for inline in formset.forms}
        for row in rows:
            inline, is_new = forms[id(row)], row.pk is None
            before = {} if is_new else {name: shown(inline.initial.get(name)) for name in inline.changed_data}
            if not is_new and hasattr(row, "version"):
                row.version += 1
            row.save()
            _record(request, row, "create" if is_new else "change", before, inline)
        formset.save_m2m()


class KeptAdmin(PlanAdmin):
    """Decisions hang on these rows: they are closed, never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _record(request: HttpRequest, row: Model, verb: str, before: dict[str, Any], form: Any) -> None:
    who, token = audit.actor_of(request)
    after = {name: shown(form.cleaned_data.get(name)) for name in form.changed_data}
    after = {name: value if isinstance(value, str | int | float | bool | dict) else str(value) for name, value in after.items()}
    action = f"{row._meta.model_name}.{verb}"
    audit.record(actor=who, action=action, subject=row, before=before, after=after, token=token, why=WHY)
