"""Reads the mails that the server has queued or written, as their receiver would."""

from __future__ import annotations

import email
import email.policy
import re
from pathlib import Path

from reactors.mail import MailSender
from wiring import Services


def codes_for(services: Services, address: str) -> list[str]:
    """The codes in all mails to the address, oldest first; delivers what is still queued."""
    return [code for code in (code_in(text) for text in texts_for(services, address)) if code]


def texts_for(services: Services, address: str) -> list[str]:
    """The texts of all mails to the address in the outbox folder, oldest first."""
    MailSender(services.mails, services.settings).deliver_all()
    found = []
    for path in sorted(Path(services.settings.outbox).glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if mail["To"] == address:
            found.append(str(mail.get_content()))
    return found


def code_in(text: str) -> str | None:
    """The code of a mail's text."""
    match = re.search(r"^Code: ([0-9]{6})$", text, re.MULTILINE)
    return match[1] if match else None
