"""Rules for names and addresses of accounts that operators make (contract: accounts 4 and 6.1)."""

from __future__ import annotations

import re

USERNAME = re.compile(r"[A-Za-z0-9_-]{3,150}")
EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")


def username_problem(username: str) -> str | None:
    """What is wrong with the name."""
    if USERNAME.fullmatch(username):
        return None
    return "A user name has 3 to 150 letters, digits, hyphens and underscores."


def email_problem(email: str) -> str | None:
    """What is wrong with the address."""
    return None if EMAIL.fullmatch(email) else "This is no e-mail address."
