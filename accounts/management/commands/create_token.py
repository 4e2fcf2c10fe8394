from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import tokens
from accounts.models import User
from accounts.permissions import TOKEN_SCOPES


class Command(BaseCommand):
    help = "Issue an API token and print its secret, once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--owner", help="User name; the only administrator when left out.")
        parser.add_argument("--name", default="command line")
        parser.add_argument("--scope", action="append", required=True, choices=[str(scope) for scope in TOKEN_SCOPES])
        parser.add_argument(
            "--service", action="append", default=[], help="Change nothing but what is of this service (may be repeated)."
        )
        parser.add_argument("--scorecard", action="append", default=[], help="Restrict to this scorecard.")
        parser.add_argument("--days", type=int, help="Days until it expires.")

    def handle(self, *args: Any, **options: Any) -> None:
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        try:
            _, secret = tokens.issue(
                owner=self.owner(options["owner"]),
                name=options["name"],
                scopes=options["scope"],
                services=options["service"],
                scorecards=options["scorecard"],
                expires_at=expires_at,
            )
        except tokens.BadToken as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)

    def owner(self, username: str | None) -> User:
        people = User.objects.filter(is_active=True)
        people = people.filter(username=username) if username else people.filter(is_superuser=True)
        found = list(people[:2])
        if len(found) != 1:
            raise CommandError(
                "Name the owner with --owner: " + ("there is no such person." if not found else "there are several.")
            )
        return found[0]
