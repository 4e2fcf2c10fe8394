"""Real people and tokens for tests."""

from dataclasses import dataclass
from typing import Any

from accounts import people, tokens
from accounts.models import User

PASSWORD = "correct horse battery"
DOCUMENT = {
    "id": "", "url": "", "format": "milepost", "service": "", "environment": "", "commit": "", "branch": "", "verdict": "pass",
    "exit_code": 0, "objectives": [], "missing": [], "unmapped": [], "markdown": "",
}  # fmt: skip
"""The verdict on a result that measured nothing."""


@dataclass(frozen=True)
class People:
    """One person per role."""

    viewer: User
    manager: User
    engineer: User
    approver: User
    auditor: User
    administrator: User


def make_user(role: str, username: str = "") -> User:
    return people.create(username=username or role, password=PASSWORD, roles=[role], first_name=role.capitalize())


def make_people() -> People:
    return People(**{role: make_user(role) for role in People.__dataclass_fields__})


def make_token(owner: User, scopes: list[str], **fields: Any) -> str:
    """The secret of a new token."""
    return tokens.issue(owner=owner, name="test", scopes=scopes, **fields)[1]
