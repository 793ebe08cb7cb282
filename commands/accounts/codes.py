"""What one-time codes are for, what they are bound to and how long they live (contract: accounts 7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from commands.accounts.rules import USERNAME
from eventstore.addresses import canonical_address
from eventstore.codes import Code
from eventstore.mails import Mail

MINUTES_OF_SENSITIVE_CODES = 30
"""Codes that change what an account is proven by live this long at most."""
LONGEST_NAME = 40
"""Characters of a user name that a mail shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """One use of codes."""

    name: str
    subject: str
    introduction: str
    action: str
    sensitive: bool
    sent: str
    """What the answer says when the mail is on its way."""

    def ttl(self, hours: int) -> timedelta:
        """How long its codes are good, given the operator's hours."""
        configured = timedelta(hours=hours)
        return min(configured, timedelta(minutes=MINUTES_OF_SENSITIVE_CODES)) if self.sensitive else configured


REGISTRATION = Purpose(
    name="registration",
    subject="Verify your Notechondria account",
    introduction="Somebody, most likely you, registered a Notechondria account with this address.\n"
    "Use the code only if you did so, under this name.",
    action="Verify here",
    sensitive=False,
    sent="Verification email sent.",
)
RESET = Purpose(
    name="reset",
    subject="Reset your Notechondria password",
    introduction="Somebody, most likely you, asked to reset the password of your Notechondria account.",
    action="Open settings",
    sensitive=True,
    sent="Password reset email sent.",
)
IDENTITY = Purpose(
    name="identity",
    subject="Confirm that it is you",
    introduction="A change of your Notechondria account needs this code.",
    action="Open settings",
    sensitive=True,
    sent="Email sent.",
)
NEW_ADDRESS = Purpose(
    name="new_address",
    subject="Confirm your new address",
    introduction="This address is to become the one of a Notechondria account.",
    action="Open settings",
    sensitive=True,
    sent="Email sent.",
)

NOT_CONFIGURED = "SMTP is not configured. Contact an admin for the verification code."


def registration_target(email: str) -> str:
    """Bound to the address."""
    return canonical_address(email)


def reset_target(email: str) -> str:
    """Bound to the address."""
    return canonical_address(email)


def identity_target(account_id: int, email: str) -> str:
    """Bound to the account and its address: who reads one that the account has left proves nothing."""
    return f"{account_id} {canonical_address(email)}"


def new_address_target(account_id: int, email: str) -> str:
    """Bound to the account and the new address."""
    return f"{account_id} {canonical_address(email)}"


def code_mail(purpose: Purpose, code: Code, *, email: str, username: str, ttl: timedelta, link: str | None) -> Mail:
    """The mail with a code. link: the page where codes are entered."""
    minutes = int(ttl.total_seconds() // 60)
    lifetime = f"{minutes // 60} hours" if minutes % 60 == 0 else f"{minutes} minutes"
    lines = [
        purpose.introduction,
        "",
        *_account_line(username),
        f"Email: {email}",
        f"Code: {code.digits}",
        f"Code expires in: {lifetime}",
        f"{purpose.action}: {link or 'enter the code in the app, on the page that asked for it or in its settings.'}",
    ]
    return Mail(email, purpose.subject, "\n".join(lines) + "\n")


def _account_line(username: str) -> list[str]:
    """Nothing for a name that registration would refuse: it can be a sentence or a web address, and the reader may be a stranger."""
    if not USERNAME.fullmatch(username):
        return []
    return [f"Account: {username if len(username) <= LONGEST_NAME else username[:LONGEST_NAME] + '...'}"]
