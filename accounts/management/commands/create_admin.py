from __future__ import annotations

import getpass
import os
import secrets
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from accounts import people


class Command(BaseCommand):
    help = "Make an administrator. The password comes from ADMIN_PASSWORD, is generated and printed, or is asked for."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--username", default="admin")
        parser.add_argument("--email", default="")
        parser.add_argument("--generate", action="store_true", help="Generate the password and print it, once.")

    def handle(self, *args: Any, **options: Any) -> None:
        generated = secrets.token_urlsafe(12) if options["generate"] else ""
        password = generated or os.environ.get("ADMIN_PASSWORD") or self.ask()
        try:
            validate_password(password)
            people.create(username=options["username"], email=options["email"], password=password, roles=["administrator"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except IntegrityError as error:
            raise CommandError(f"{options['username']} is there already; choose another with --username.") from error
        self.stdout.write(f"Administrator {options['username']} made.")
        if generated:
            self.stdout.write(f"Password: {generated}")

    def ask(self) -> str:
        if not sys.stdin.isatty():
            raise CommandError("No terminal to ask for a password: set ADMIN_PASSWORD, or use --generate.")
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Once more: "):
            raise CommandError("The two passwords differ.")
        return password
