"""Secrets at rest: encrypted with keys of `FIELD_KEYS`, or with one derived from the secret key; the first one writes."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


def cipher() -> MultiFernet:
    keys = list(settings.FIELD_KEYS) or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"field:{key}".encode()).digest())) for key in keys])


class Unsealed(ValueError):
    """Something sealed that cannot be opened: too old, tampered with, or of a key that is gone."""


def seal(value: Any) -> str:
    """A value as a text that only this installation can open: for what a page must carry along and not show."""
    return cipher().encrypt(json.dumps(value).encode()).decode()


def unseal(text: str, *, within_s: int) -> Any:
    """What was sealed at most so long ago. Raises Unsealed."""
    try:
        return json.loads(cipher().decrypt(text.encode(), ttl=within_s))
    except (InvalidToken, ValueError):
        raise Unsealed("what was sealed cannot be opened any more") from None


class EncryptedJSONField(models.TextField):
    """A JSON value that the database sees only as ciphertext. Empty values are stored empty."""

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> str:
        return cipher().encrypt(json.dumps(value).encode()).decode() if value else ""

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        if not value:
            return {}
        try:
            return json.loads(cipher().decrypt(value.encode()))
        except InvalidToken:
            raise ValueError("a stored secret cannot be read: the key that wrote it is missing from FIELD_KEYS") from None

    def to_python(self, value: Any) -> Any:
        return value

    def formfield(self, **_: Any) -> None:
        """No form is made of it: whoever takes a secret names a field of its own that shows nothing."""
        return


class EncryptedTextField(EncryptedJSONField):
    """A text that the database sees only as ciphertext."""

    def from_db_value(self, value: str | None, *_: Any) -> str:
        return super().from_db_value(value) or ""
