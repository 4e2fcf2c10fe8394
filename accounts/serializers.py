"""What the serializers of all applications share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models
from rest_framework import serializers

from accounts.models import User


class PersonField(serializers.SlugRelatedField):
    """A person by user name; null for nobody, unless `allow_null` says that there is always one."""

    def __init__(self, **options: Any) -> None:
        if not options.get("read_only"):
            options.setdefault("queryset", User.objects.all())
            options.setdefault("required", False)
        options.setdefault("allow_null", True)
        super().__init__(slug_field="username", **options)


class Strict(serializers.Serializer):
    """Refuses what it does not know or what cannot be written, instead of dropping it in silence."""

    def to_internal_value(self, data: Any) -> Any:
        writable = {name for name, field in self.fields.items() if not field.read_only}
        if unknown := sorted(set(data) - writable) if isinstance(data, Mapping) else []:
            raise serializers.ValidationError(dict.fromkeys(unknown, "There is no such field to write."))
        return super().to_internal_value(data)


class MomentField(serializers.DateTimeField):
    """A time with its offset from UTC: without one nobody knows which is meant."""

    default_error_messages = {"offset": "Write a time with its offset, such as 2026-03-01T12:00:00Z."}

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("offset")
        return super().enforce_timezone(value)


class StrictSerializer(Strict, serializers.ModelSerializer):
    """The same, of a model."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {models.DateTimeField: MomentField}
