"""What an answer costs tells nothing that the answer itself does not tell: counted, since times are not the same twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from commands.accounts import operators
from commands.accounts.operators import set_password
from commands.accounts.registration import open_account
from commands.context import Context
from tests.accounts.mailbox import codes_for
from tests.accounts.people import PASSWORD, make_person
from tests.accounts.test_passwords import django_hash
from wiring import Services

AUTH = "/api/v1/auth"
OPERATOR = Context(actor=None, channel="cli")


@pytest.fixture
def work(services: Services, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts hashes, and questions to the database."""
    counted: Counter[str] = Counter()
    pbkdf2, verify, connection = hashlib.pbkdf2_hmac, PasswordHasher.verify, services.thread_pool.connection

    def derive(name: str, password: bytes, salt: bytes, rounds: int) -> bytes:
        counted["rounds"] += rounds
        return pbkdf2(name, password, salt, rounds)

    def check(hasher: PasswordHasher, *args: Any) -> bool:
        counted["argon2"] += 1
        return verify(hasher, *args)

    def connect(*args: Any, **options: Any) -> Any:
        counted["questions"] += 1
        return connection(*args, **options)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", derive)
    monkeypatch.setattr(PasswordHasher, "verify", check)
    monkeypatch.setattr(services.thread_pool, "connection", connect)
    return counted


def costs(work: Counter[str], requests: list[Callable[[], httpx.Response]]) -> tuple[list[Counter[str]], set[str]]:
    """(what each request cost, the answers)."""
    found, answers = [], set()
    for request in requests:
        work.clear()
        answers.add(request().text)
        found.append(Counter(work))
    return found, answers


def refusals(door: httpx.Client, services: Services, *, old: bool) -> list[Callable[[], httpx.Response]]:
    """Sign-ins that are refused, each for another reason."""
    known, pending, disabled = make_person(services), f"pending{old}", make_person(services)
    registration = {"username": pending, "email": f"{pending}@example.org", "password": PASSWORD}
    assert door.post(f"{AUTH}/register/", json=registration).status_code == 201
    services.commands.run(lambda work: operators.disable(work, disabled.username).number, OPERATOR)
    without = f"without{old}"
    services.commands.run(
        lambda work: open_account(work, username=without, email=f"{without}@example.org", password_hash=None).number, OPERATOR
    )
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
    first = {"username": "costs-one", "email": "costs-one@example.org", "password": PASSWORD}
    assert door.post(f"{AUTH}/register/", json=first).status_code == 201
    elsewhere = [{**first, "email": "costs-two@example.org", "username": "costs-two"}, {**first, "username": "costs-three"}]
    found, _ = costs(work, [partial(door.post, f"{AUTH}/register/", json=body) for body in elsewhere])
    assert found[0] == found[1]
    assert found[0]["argon2"] == 0, "nothing is checked, one hash is made"


def test_resending_to_nobody_costs_what_resending_to_somebody_verified_does(
    door: httpx.Client, services: Services, work: Counter[str]
) -> None:
    known = make_person(services)
    resend = f"{AUTH}/resend-verification/"
    found, answers = costs(work, [partial(door.post, resend, json={"email": email}) for email in ("no@b.org", known.email)])
    assert len(answers) == 1
    assert found[0] == found[1]


def test_wrong_reset_code_costs_the_same_for_everybody(door: httpx.Client, services: Services, work: Counter[str]) -> None:
    known, asked = make_person(services), make_person(services)
    door.post(f"{AUTH}/password-reset/", json={"email": asked.email})
    wrong = "000000" if codes_for(services, asked.email) != ["000000"] else "111111"
    confirm, sent = f"{AUTH}/password-reset/confirm/", {"code": wrong, "password": PASSWORD}
    addresses = ("no@b.org", known.email, asked.email)
    found, answers = costs(work, [partial(door.post, confirm, json={**sent, "email": address}) for address in addresses])
    assert len(answers) == 1
    assert found == [found[0]] * 3
    assert found[0]["argon2"] == 0
