"""Writing every stored secret anew with the newest key, so that an old key can be given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model

from outgoing.secrets import EncryptedJSONField, cipher


@dataclass
class Rotated:
    """How many values were written anew, and which could not be read (table.column of a row)."""

    written: int = 0
    unreadable: list[str] = field(default_factory=list)


def columns() -> Iterator[tuple[type[Model], str, str]]:
    """Every encrypted column: its model, the column of its key, the column itself."""
    for model in apps.get_models():
        for one in model._meta.concrete_fields:
            if isinstance(one, EncryptedJSONField):
                yield model, str(model._meta.pk.column), str(one.column)


@transaction.atomic
def rotate() -> Rotated:
    """All of it or nothing but what no key of ours can read, which stays as it is."""
    done, keys = Rotated(), cipher()
    quote = connection.ops.quote_name
    for model, primary, column in columns():
        table, key = quote(model._meta.db_table), quote(primary)
        with connection.cursor() as cursor:
            lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
            cursor.execute(f"SELECT {key}, {quote(column)} FROM {table} WHERE {quote(column)} <> ''{lock}")  # noqa: S608
            for pk, stored in cursor.fetchall():
                try:
                    renewed = keys.rotate(stored.encode()).decode()
                except InvalidToken:
                    done.unreadable.append(f"{model._meta.db_table}.{column} of {pk}")
                    continue
                cursor.execute(f"UPDATE {table} SET {quote(column)} = %s WHERE {key} = %s", [renewed, pk])  # noqa: S608
                done.written += 1
    return done
