"""People, API tokens and the audit trail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who logs in; roles are Django groups (see `accounts.permissions.ROLES`)."""

    known_scopes: frozenset[str] | None = None
    """What `scopes_of` found, kept for the length of a request."""

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class ApiToken(models.Model):
    """A machine's key: shown once, stored hashed; it can never do more than its owner may."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    services = models.JSONField(default=list, blank=True, help_text="Slugs; empty means every service.")
    scorecards = models.JSONField(default=list, blank=True, help_text="Slugs; empty means every scorecard.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def matching(
        self, *, person: str = "", thing: str = "", action: str = "", since: datetime | None = None, until: datetime | None = None
    ) -> Self:
        """Entries by a person, about a thing (its name, kind or the action), of an action, from `since` to before `until`."""
        found = self
        if person:
            names = ("username", "first_name", "last_name")
            found = found.filter(_any([f"actor__{name}__icontains" for name in names], person))
        if thing:
            found = found.filter(_any(["subject__icontains", "action__icontains", "subject_type__icontains"], thing))
        if action:
            found = found.filter(_any(["action__icontains"], action))
        if since:
            found = found.filter(at__gte=since)
        if until:
            found = found.filter(at__lt=until)
        return found


def _any(lookups: Iterable[str], text: str) -> models.Q:
    """One of the lookups finds the text."""
    return reduce(or_, (models.Q(**{lookup: text}) for lookup in lookups))


class AuditEntry(models.Model):
    """Who changed what, before and after, and why. Append-only: database triggers refuse update and delete."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    token = models.CharField(max_length=120, blank=True, help_text="Name of the token that acted for the person.")
    action = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=60)
    subject = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    why = models.TextField(blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["subject_type", "subject_id", "-at"])]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class Failure(models.Model):
    """A failed attempt to log in or to use a token, kept only as long as it holds somebody back."""

    key = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["key", "at"])]
