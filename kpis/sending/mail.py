"""Mail through the server that the operator has set (`EMAIL_HOST`)."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email

from kpis.sending.base import BadConfig, Envelope, Undelivered
from outgoing.addresses import AddressPolicy

LABEL = "Mail"
MOST_RECEIVERS = 50


def check(config: Mapping[str, Any], policy: AddressPolicy) -> str:
    """The server is the operator's choice, so the address policy has no say here."""
    receivers = list(config.get("to") or [])
    if not receivers:
        raise BadConfig({"to": "Name at least one address."})
    if len(receivers) > MOST_RECEIVERS:
        raise BadConfig({"to": f"At most {MOST_RECEIVERS} addresses."})
    for address in receivers:
        try:
            validate_email(address)
        except ValidationError as error:
            raise BadConfig({"to": f"{address} is not a mail address."}) from error
    first = str(receivers[0])
    return first if len(receivers) == 1 else f"{first} and {len(receivers) - 1} more"


def send(config: Mapping[str, Any], envelope: Envelope, policy: AddressPolicy) -> None:
    mail = EmailMessage(
        subject=" ".join(envelope.title.split()),
        body=envelope.body,
        to=list(config["to"]),
        headers={"Message-ID": f"<{envelope.key}@milepost>", "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        raise Undelivered("the mail server refuses the receivers", permanent=_for_good(error)) from error
    except (smtplib.SMTPException, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise Undelivered(f"the mail server did not take it: {reason}") from error


def _for_good(error: smtplib.SMTPRecipientsRefused) -> bool:
    return all(code >= 500 for code, _ in error.recipients.values())
