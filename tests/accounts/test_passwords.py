"""Hashes of passwords, new and old."""

from __future__ import annotations

import base64
import hashlib

import pytest

from commands.accounts.passwords import hash_password, needs_rehash, verify_password, weakness


def django_hash(password: str, rounds: int = 1000) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", rounds)
    return f"pbkdf2_sha256${rounds}$salt${base64.b64encode(digest).decode()}"


def test_argon2_hash_verifies_and_stays() -> None:
    stored = hash_password("Secret-12")
    assert stored.startswith("$argon2id$")
    assert verify_password("Secret-12", stored)
    assert not verify_password("Secret-13", stored)
    assert not needs_rehash(stored)


def test_django_hash_verifies_and_is_to_be_replaced() -> None:
    stored = django_hash("Secret-12")
    assert verify_password("Secret-12", stored)
    assert not verify_password("Secret-13", stored)
    assert needs_rehash(stored)


@pytest.mark.parametrize("stored", [None, "", "!unusable", "pbkdf2_sha256$x$y$z", "pbkdf2_sha256$1$s$***", "$argon2id$broken"])
def test_unusable_hash_fits_no_password(stored: str | None) -> None:
    assert not verify_password("nobody has this password", stored)
    assert not verify_password("", stored)


@pytest.mark.parametrize(
    ("password", "strong"),
    [("Secret-12", True), ("Älteres8", True), ("Secre-1", False), ("secret-12", False), ("SECRET-12", False), ("Secretary", False)],
)
def test_strength(password: str, strong: bool) -> None:
    assert (weakness(password) is None) is strong


def test_endless_password_is_refused_before_it_is_hashed() -> None:
    assert weakness("Aa1" * 1000) is not None
