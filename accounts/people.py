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
    before = roles_of(user)
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in sorted(set(roles))])
    note_roles(user=user, before=before, actor=actor)


def roles_of(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))


@transaction.atomic
def note_roles(*, user: User, before: list[str], actor: User | None) -> None:
    """After a change of roles: open or close the admin site, and write the change down."""
    after = roles_of(user)
    user.known_scopes = None
    user.is_staff = user.is_superuser = "administrator" in after
    user.save(update_fields=["is_staff", "is_superuser"])
    audit.record(actor=actor, action="person.roles", subject=user, before={"roles": before}, after={"roles": after})


def note_failed_login(*, username: str, address: str) -> None:
    """Write a refused log-in down. An unknown name is left out: people type passwords into the wrong field."""
    person = User.objects.filter(username=username).first() or User(username="somebody unknown")
    audit.record(actor=None, action="login.failed", subject=person, after={"address": address})
