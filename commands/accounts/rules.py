"""Rules for names and addresses of accounts, whoever makes them (contract: accounts 4 and 6.1)."""

from __future__ import annotations

import re

USERNAME = re.compile(r"[A-Za-z0-9_-]{3,150}")
EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), and the blank of Braille: names that differ in these look alike."""


def shows_whole(text: str) -> bool:
    """Whether every character of the text can be seen; blanks between them can."""
    return text.isprintable() and INVISIBLE.search(text) is None


def without_invisible(text: str) -> str:
    """The text without what cannot be seen, and without blanks at its ends."""
    return "".join(character for character in text if shows_whole(character)).strip()


def username_problem(username: str) -> str | None:
    """What is wrong with the name."""
    if USERNAME.fullmatch(username):
        return None
    return "A user name has 3 to 150 letters, digits, hyphens and underscores."


def is_reserved(username: str, reserved: str | None) -> bool:
    """Whether it is the name that is kept for the administrator, in any spelling."""
    return reserved is not None and username.lower() == reserved.lower()


def email_problem(email: str) -> str | None:
    """What is wrong with the address."""
    return None if EMAIL.fullmatch(email) else "This is no e-mail address."
