"""What an answer costs tells nothing that the answer itself does not tell: counted, since times are not the same twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest
from argon2 import PasswordHasher

from commands.accounts import operators
from commands.accounts.operators import set_password
from commands.accounts.registration import open_account
from commands.context import Context
from eventstore.exchange import Answer
from eventstore.message import Message
from tests.accounts.people import PASSWORD, Person, make_person
from tests.accounts.test_passwords import django_hash
from wiring import Services

AUTH = "/api/v1/auth"
OPERATOR = Context(actor=None, channel="cli")


@pytest.fixture
def work(door: httpx.Client, services: Services, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts hashes, connections that are borrowed, and statements by their text, whichever way they take to the database."""
    # What a process does once in its life, to have a hash that nobody's password fits.
    door.post(f"{AUTH}/login/", json={"email": "nobody-first", "password": PASSWORD})
    counted: Counter[str] = Counter()
    pbkdf2, verify, make = hashlib.pbkdf2_hmac, PasswordHasher.verify, PasswordHasher.hash
    connection, by_itself, queued = services.thread_pool.connection, psycopg.Connection.execute, Message.execute

    def derive(name: str, password: bytes, salt: bytes, rounds: int) -> bytes:
        counted["rounds"] += rounds
        return pbkdf2(name, password, salt, rounds)

    def check(hasher: PasswordHasher, *args: Any) -> bool:
        counted["argon2"] += 1
        return verify(hasher, *args)

    def make_hash(hasher: PasswordHasher, *args: Any) -> str:
        counted["hashes"] += 1
        return make(hasher, *args)

    def connect(*args: Any, **options: Any) -> Any:
        counted["connections"] += 1
        return connection(*args, **options)

    def execute(asked: psycopg.Connection[Any], query: Any, *args: Any, **options: Any) -> Any:
        # A connection discards its plans when they are old, whoever has borrowed it.
        counted[str(query)] += query != "DISCARD PLANS"
        return by_itself(asked, query, *args, **options)

    def queue(message: Message, query: bytes, *args: Any) -> Answer:
        counted[query.decode()] += 1
        return queued(message, query, *args)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", derive)
    monkeypatch.setattr(PasswordHasher, "verify", check)
    monkeypatch.setattr(PasswordHasher, "hash", make_hash)
    monkeypatch.setattr(services.thread_pool, "connection", connect)
    monkeypatch.setattr(psycopg.Connection, "execute", execute)
    monkeypatch.setattr(Message, "execute", queue)
    return counted


def costs(work: Counter[str], requests: Sequence[Callable[[], httpx.Response]]) -> tuple[list[Counter[str]], set[str]]:
    """(what each request cost, the answers)."""
    found, answers = [], set()
    for request in requests:
        work.clear()
        answers.add(request().text)
        found.append(Counter(work))
    return found, answers


def make_pending(door: httpx.Client, name: str) -> str:
    """Somebody who has registered and not verified the address, which it returns."""
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    assert door.post(f"{AUTH}/register/", json=body).status_code == 201
    return body["email"]


def make_disabled(services: Services) -> Person:
    """Somebody whom staff have shut out."""
    person = make_person(services)
    services.commands.run(lambda work: operators.disable(work, person.username).number, OPERATOR)
    return person


def make_passwordless(services: Services, name: str) -> str:
    """Somebody who came with an identity of a provider; returns the address."""
    email = f"{name}@example.org"
    services.commands.run(lambda work: open_account(work, username=name, email=email, password_hash=None).number, OPERATOR)
    return email


def refusals(door: httpx.Client, services: Services, *, old: bool) -> list[Callable[[], httpx.Response]]:
    """Sign-ins that are refused, each for another reason."""
    known, pending, disabled, without = make_person(services), f"pending{old}", make_disabled(services), f"without{old}"
    make_pending(door, pending)
    make_passwordless(services, without)
    tried = [
        ("nobody", PASSWORD), ("nobody@example.org", PASSWORD), (known.username, "wrong"), (known.email, "wrong"), (pending, PASSWORD),
        (pending, "wrong"), (disabled.email, PASSWORD), (without, PASSWORD),
    ]  # fmt: skip
    for rounds in (1000, 260_000, 600_000) if old else ():
        imported = make_person(services)
        keep = partial(set_password, account_id=imported.account_id, password_hash=django_hash("Import-ed-1", rounds))
        services.commands.run(keep, OPERATOR)
        tried.append((imported.email, "wrong"))
    return [partial(door.post, f"{AUTH}/login/", json={"email": name, "password": word}) for name, word in tried]


def test_every_refused_sign_in_costs_the_same(door: httpx.Client, services: Services, work: Counter[str]) -> None:
    found, answers = costs(work, refusals(door, services, old=False))
    assert len(answers) == 1
    assert found == [found[0]] * len(found)
    assert (found[0]["argon2"], found[0]["rounds"]) == (1, 0)


def test_every_refused_sign_in_costs_the_same_while_there_are_old_passwords(
    door: httpx.Client, services: Services, work: Counter[str]
) -> None:
    found, answers = costs(work, refusals(door, services, old=True))
    assert len(answers) == 1
    assert found == [found[0]] * len(found)
    assert (found[0]["argon2"], found[0]["rounds"]) == (1, 600_000)


def test_registering_anew_costs_what_registering_again_does(door: httpx.Client, services: Services, work: Counter[str]) -> None:
    pending = make_pending(door, "costs-one")
    body = {"username": "costs-two", "email": "costs-two@example.org", "password": PASSWORD}
    elsewhere = [body, {**body, "email": pending, "username": "costs-three"}]
    found, _ = costs(work, [partial(door.post, f"{AUTH}/register/", json=sent) for sent in elsewhere])
    # Not all statements are the same: a new account takes a number, a known one is read.
    assert [(cost["connections"], cost["hashes"], cost["argon2"]) for cost in found] == [(found[0]["connections"], 1, 1)] * 2


def test_resending_to_nobody_costs_what_resending_to_any_account_that_does_not_wait_does(
    door: httpx.Client, services: Services, work: Counter[str]
) -> None:
    addresses = ["no@b.org", make_person(services).email, make_disabled(services).email, make_passwordless(services, "no-resend")]
    found, answers = costs(work, [partial(door.post, f"{AUTH}/resend-verification/", json={"email": email}) for email in addresses])
    assert len(answers) == 1
    assert found == [found[0]] * len(addresses)


def test_reset_request_costs_the_same_whatever_account_has_the_address(door: httpx.Client, services: Services, work: Counter[str]) -> None:
    asked = make_person(services).email
    door.post(f"{AUTH}/password-reset/", json={"email": asked})
    addresses = [asked, make_person(services).email, make_pending(door, "resets"), make_disabled(services).email]
    addresses.append(make_passwordless(services, "no-reset"))
    requests = [partial(door.post, f"{AUTH}/password-reset/", json={"email": email}) for email in addresses]
    found, answers = costs(work, requests)
    assert {answer.replace(email, "") for answer, email in zip(sorted(answers), sorted(addresses), strict=True)} == {
        '{"message":"SMTP is not configured. Contact an admin for the verification code.","delivery_fallback":true,"email":""}'
    }
    assert found == [found[0]] * len(addresses)
    assert (found[0]["hashes"], found[0]["argon2"]) == (0, 0)


def test_wrong_code_costs_the_same_for_everybody(door: httpx.Client, services: Services, work: Counter[str]) -> None:
    known, asked = make_person(services).email, make_person(services).email
    pending, disabled = make_pending(door, "guesses"), make_disabled(services).email
    door.post(f"{AUTH}/password-reset/", json={"email": asked})
    sent = {"code": "no-code", "password": PASSWORD}
    for path, addresses in (
        ("password-reset/confirm", ["no@b.org", known, asked, pending, disabled]),
        # That no account has an address is told here, as the contract says.
        ("verify-email", [known, asked, pending, disabled]),
    ):
        found, answers = costs(work, [partial(door.post, f"{AUTH}/{path}/", json={**sent, "email": email}) for email in addresses])
        assert len(answers) == 1
        assert found == [found[0]] * len(addresses)
        assert (found[0]["hashes"], found[0]["argon2"]) == (0, 0)
