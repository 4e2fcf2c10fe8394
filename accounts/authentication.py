"""`Authorization: Bearer <token>` for the API."""

from __future__ import annotations

from django.utils import timezone
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
