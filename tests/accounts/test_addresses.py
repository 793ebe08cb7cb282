"""One address in several spellings is one address: letters of either case, and a domain in its own script or in ASCII."""

from __future__ import annotations

import httpx
import pytest

from commands.accounts.registration import open_account
from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from eventstore.addresses import canonical_address, spellings
from eventstore.events.accounts import EmailChanged
from tests.accounts.mailbox import codes_for
from tests.accounts.people import PASSWORD, PASSWORD_HASH, Person
from wiring import Services

AUTH = "/api/v1/auth"


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("Mira@Example.ORG", "mira@example.org"), ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
        ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"), ("a@ｅxample.org", "a@example.org"),
        ("a@straße.example", "a@xn--strae-oqa.example"), ("a@strasse.example", "a@strasse.example"), ("a@x_y.org", "a@x_y.org"),
        ("a@ü_y.org", "a@ü_y.org"), ("a@xn--.org", "a@xn--.org"), ("Boss", "boss"),
    ],
)  # fmt: skip
def test_canonical_spelling(address: str, canonical: str) -> None:
    assert canonical_address(address) == canonical
    assert canonical_address(canonical) == canonical
    assert canonical in spellings(address)


def register(door: httpx.Client, username: str, email: str) -> httpx.Response:
    return door.post(f"{AUTH}/register/", json={"username": username, "email": email, "password": PASSWORD})


def test_spellings_of_a_domain_share_account_codes_and_cool_downs(door: httpx.Client, services: Services) -> None:
    shown, ascii_only = "idn@bücher.example", "idn@xn--bcher-kva.example"
    assert register(door, "idn-one", shown).json()["email"] == ascii_only
    assert register(door, "idn-two", "IDN@XN--bcher-kva.example").status_code == 201
    (code,) = codes_for(services, ascii_only)
    assert list(door.post(f"{AUTH}/resend-verification/", json={"email": shown}).json()) == ["email"]
    verified = door.post(f"{AUTH}/verify-email/", json={"email": "Idn@BÜCHER.example", "code": code})
    assert verified.json()["user"]["username"] == "idn-two"
    for spelling in (shown, ascii_only, "IDN@Bücher.EXAMPLE"):
        assert list(register(door, "idn-three", spelling).json()) == ["email"]
        assert door.post(f"{AUTH}/login/", json={"email": spelling, "password": PASSWORD}).status_code == 200
        assert door.post(f"{AUTH}/password-reset/", json={"email": spelling}).status_code == 200
    assert len(codes_for(services, ascii_only)) == 2, "one for the registration, one for the reset"


def test_account_that_is_kept_in_the_other_spelling_is_found(door: httpx.Client, services: Services, person: Person) -> None:
    kept = "older@bücher.example"

    def opened_by_an_earlier_release(work: Work[Lookups]) -> int:
        account = open_account(work, username="older", email="", password_hash=PASSWORD_HASH)
        account.trigger(EmailChanged, work.context.now, email=kept, verified=True)
        return account.number

    account_id = services.commands.run(opened_by_an_earlier_release, Context(actor=None, channel="cli")).result
    for spelling in (kept, "older@xn--bcher-kva.example"):
        assert list(register(door, "newer", spelling).json()) == ["email"]
        signed_in = door.post(f"{AUTH}/login/", json={"email": spelling, "password": PASSWORD})
        assert signed_in.json()["user"]["id"] == account_id
        assert list(door.patch("/api/v1/settings/", json={"email": spelling}, headers=person.headers).json()) == ["email"]
        own = door.patch("/api/v1/settings/", json={"email": spelling}, headers={"Authorization": f"Token {signed_in.json()['token']}"})
        assert own.json()["email"] == kept


def test_wrong_passwords_of_nobody_count_for_all_spellings(door: httpx.Client) -> None:
    for number in range(10):
        name = ("nobody@bücher.example", "NOBODY@xn--bcher-kva.example")[number % 2]
        answer = door.post(f"{AUTH}/login/", json={"email": name, "password": "wrong"}, headers={"X-Forwarded-For": f"203.0.113.{number}"})
        assert answer.status_code == 400
    assert door.post(f"{AUTH}/login/", json={"email": "nobody@BÜCHER.example", "password": "wrong"}).status_code == 429
