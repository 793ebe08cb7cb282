"""Passwords: how strong they must be, how they are hashed, and the check that takes the same time for everybody."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 8
LONGEST = 1024

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""Argon2id with the second of OWASP's recommended sets (Password Storage Cheat Sheet)."""
_AT_ONCE = BoundedSemaphore(2)
"""Each hash takes 19 MiB: a burst of logins waits here instead of filling the memory."""
_DJANGO = "pbkdf2_sha256$"
_MOST_ROUNDS = 5_000_000
_USUAL_ROUNDS = 600_000
"""What the predecessor's last releases used (contract: accounts 4)."""


def weakness(password: str) -> str | None:
    """What the password lacks (contract: accounts 4, rule S), None when it is strong enough."""
    if len(password) < SHORTEST:
        return f"Ensure this field has at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"Ensure this field has no more than {LONGEST} characters."
    if not (
        any(character.isupper() for character in password)
        and any(character.islower() for character in password)
        and any(not character.isalpha() for character in password)
    ):
        return "The password needs an upper-case letter, a lower-case letter and a character that is not a letter."
    return None


def hash_password(password: str) -> str:
    """The Argon2id hash that is stored. Takes some 20 ms: not inside a decision, which may run again."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify_password(password: str, stored: str | None) -> bool:
    """Whether it is the password. Without a usable hash it still costs one, so that the time tells nothing."""
    if stored is not None and stored.startswith(_DJANGO):
        return _verify_django(password, stored)
    usable = stored if stored is not None and stored.startswith("$argon2") else None
    try:
        with _AT_ONCE:
            _HASHER.verify(usable or _nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return usable is not None


def refuse_slowly(password: str, stored: str | None) -> None:
    """Adds to a check that has failed what the other kind of hash would have cost: for as long as there are both kinds, the time of
    a refusal shall not tell which of them an account has, if there is one.
    """
    if stored is None or not stored.startswith(_DJANGO):
        _spend(password, _USUAL_ROUNDS)
        return
    verify_password(password, None)
    rounds = stored.split("$")[1]
    _spend(password, _USUAL_ROUNDS - int(rounds) if rounds.isdigit() else _USUAL_ROUNDS)


def needs_rehash(stored: str) -> bool:
    """Whether the hash is of an older kind than the ones made now."""
    return not stored.startswith("$argon2") or _HASHER.check_needs_rehash(stored)


def _verify_django(password: str, stored: str) -> bool:
    """Checks Django's `pbkdf2_sha256$<rounds>$<salt>$<base64>`."""
    parts = stored.split("$")
    if len(parts) != 4 or not parts[1].isdigit() or not 0 < int(parts[1]) <= _MOST_ROUNDS:
        return False
    try:
        expected = base64.b64decode(parts[3], validate=True)
    except (binascii.Error, ValueError):
        return False
    with _AT_ONCE:
        computed = hashlib.pbkdf2_hmac("sha256", password.encode(), parts[2].encode(), int(parts[1]))
    return hmac.compare_digest(computed, expected)


def _spend(password: str, rounds: int) -> None:
    if rounds > 0:
        with _AT_ONCE:
            hashlib.pbkdf2_hmac("sha256", password.encode(), b"nobody", rounds)


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody has this password")
