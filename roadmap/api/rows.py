"""The rows of a plan as resources: list, create, read, change, remove; all changes end in `roadmap.editing`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db import models, transaction
from django.http import Http404
from django.utils import timezone
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.concurrency import asked_version, etag, fresh, stale
from accounts.pagination import CursorPagination
from accounts.permissions import allowed_scorecards
from accounts.problems import Problem
from accounts.serializers import StrictSerializer
from accounts.versions import StaleEdit
from roadmap import editing, working
from roadmap.models import Roadmap, Task


@dataclass(frozen=True)
class Resource:
    """One kind of row: how it is read, shown, and where its roadmap is (`path` in look-ups)."""

    model: type[models.Model]
    serializer: type[serializers.ModelSerializer]
    path: str
    related: tuple[str, ...] = ()
    many: tuple[str, ...] = ()

    def rows(self, request: Request) -> models.QuerySet[Any]:
        """Those that the caller may see."""
        found = self.model._default_manager.select_related(*self.related).prefetch_related(*self.many)
        allowed = allowed_scorecards(request)
        return found if allowed is None else found.filter(**{f"{self.path}__scorecard__slug__in": allowed})

    def one(self, request: Request, **where: Any) -> Any:
        row = self.rows(request).filter(**where).first()
        if row is None:
            raise Http404(f"There is no such {self.model._meta.verbose_name}.")
        return row

    def data(self, row: Any) -> Any:
        return self.serializer(row).data


def visible_roadmaps(request: Request) -> models.QuerySet[Roadmap]:
    found = Roadmap.objects.select_related("scorecard", "state_changed_by")
    allowed = allowed_scorecards(request)
    return found if allowed is None else found.filter(scorecard__slug__in=allowed)


def roadmap_or_404(request: Request, slug: str) -> Roadmap:
    roadmap = visible_roadmaps(request).filter(slug=slug).first()
    if roadmap is None:
        raise Http404("There is no such roadmap.")
    return roadmap


def paged(
    request: Request,
    rows: models.QuerySet[Any],
    serializer: type[serializers.ModelSerializer],
    ordering: tuple[str, ...],
) -> Response:
    pages = CursorPagination()
    pages.ordering = ordering
    page = pages.paginate_queryset(rows, request)
    return pages.get_paginated_response(serializer(page or [], many=True).data)


def create(request: Request, resource: Resource, parent: models.Model) -> Response:
    checked = checked_data(request, resource)
    actor, token = audit.actor_of(request)
    made = written(
        lambda: editing.create(model=resource.model, parent=parent, fields=checked, actor=actor, token=token), resource, request
    )
    if isinstance(made, Response):
        return made
    row = resource.one(request, pk=made.pk)
    return Response(resource.data(row), status=status.HTTP_201_CREATED, headers={"ETag": etag(row)})


def detail(request: Request, resource: Resource, pk: int) -> Response:
    """GET, PATCH and DELETE of one row."""
    row = resource.one(request, pk=pk)
    if request.method == "GET":
        return fresh(request, row, resource.data(row))
    actor, token = audit.actor_of(request)
    version = asked_version(request, row)
    if request.method == "DELETE":
        gone = written(lambda: editing.remove(row=row, actor=actor, version=version, token=token), resource, request)
        return gone if isinstance(gone, Response) else Response(status=status.HTTP_204_NO_CONTENT)
    checked = checked_data(request, resource, row)
    done = written(lambda: _change(row, checked, actor, version, token), resource, request)
    if isinstance(done, Response):
        return done
    row = resource.one(request, pk=pk)
    return Response(resource.data(row), headers={"ETag": etag(row)})


def _change(row: Any, fields: dict[str, Any], actor: Any, version: int | None, token: str) -> Any:
    """Fields by one verb; a task's state by its own, in the same transaction."""
    state = fields.pop("state", None) if isinstance(row, Task) else None
    note = fields.pop("state_note", "") if isinstance(row, Task) else ""
    with transaction.atomic():
        if fields:
            row = editing.change(row=row, changes=fields, actor=actor, version=version, token=token)
            version = None
        if state is not None or note:
            row = working.set_state(
                task=row, state=state or row.state, actor=actor, now=timezone.now(), note=note, version=version, token=token
            )
    return row


def checked_data(request: Request, resource: Resource, row: Any = None) -> dict[str, Any]:
    """What the caller sent, checked by the serializer; partial where a row is there already."""
    if not isinstance(request.data, dict):
        raise serializers.ValidationError({"": "Send a JSON object."})
    form = resource.serializer(row, data=request.data, partial=row is not None)
    assert isinstance(form, StrictSerializer)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def written(verb: Callable[[], Any], resource: Resource, request: Request) -> Any:
    """What the verb returns, or the answer that its refusal becomes."""
    try:
        return verb()
    except StaleEdit as error:
        current = error.current and resource.one(request, pk=error.current.pk)
        return stale(current, current and resource.data(current))
    except editing.Refused as error:
        raise Problem(409, "refused", "The plan does not allow it", str(error)) from error
    except ModelError as error:
        raise serializers.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages) from error
