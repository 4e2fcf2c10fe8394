"""Who calls the API: `Authorization: Bearer <token>`, or somebody who is logged in."""

from __future__ import annotations

from django.utils import timezone
from rest_framework import authentication
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import throttling, tokens
from accounts.models import ApiToken, User


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        token = tokens.find(secret.strip(), now=timezone.now())
        if token is None:  # only who guesses is held back: a valid token costs no look at the failures of its address
            address = throttling.address_of(request)
            throttling.check(f"token:{address}")
            throttling.note_failure(f"token:{address}", now=timezone.now())
            raise AuthenticationFailed("The token is not valid: it is unknown, revoked or expired.")
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="milepost"'


class SessionAuthentication(authentication.SessionAuthentication):
    """Somebody who is logged in. Their token against forgery is a header, or a field of a form.

    The framework looks for that field in what it parses of any body, which then is read when the view comes to read it.
    """

    def enforce_csrf(self, request: Request) -> None:
        super().enforce_csrf(request._request)  # type: ignore[arg-type]
