"""Making people and giving them roles."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.permissions import ROLES


@transaction.atomic
def create(
    *, username: str, password: str, roles: Iterable[str], email: str = "", first_name: str = "", actor: User | None = None
) -> User:
    """Make a person with roles; an administrator may enter the admin site. Raises KeyError for an unknown role."""
    wanted = sorted(set(roles))
    for role in wanted:
        ROLES[role]
    user = User.objects.create_user(username, email, password, first_name=first_name)
    give_roles(user=user, roles=wanted, actor=actor)
    return user


@transaction.atomic
def give_roles(*, user: User, roles: Iterable[str], actor: User | None) -> None:
    """Replace a person's roles. The admin site is open to administrators only."""
    before = sorted(user.groups.values_list("name", flat=True))
    wanted = sorted(set(roles))
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in wanted])
    administrator = "administrator" in wanted
    user.is_staff = user.is_superuser = administrator
    user.save(update_fields=["is_staff", "is_superuser"])
    audit.record(actor=actor, action="person.roles", subject=user, before={"roles": before}, after={"roles": wanted})


def note_failed_login(*, username: str, address: str) -> None:
    """Write a refused log-in down. An unknown name is left out: people type passwords into the wrong field."""
    person = User.objects.filter(username=username).first() or User(username="somebody unknown")
    audit.record(actor=None, action="login.failed", subject=person, after={"address": address})
