"""A server whose operator lets nobody change an address in the form of the settings."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from commands.accounts.registration import open_account
from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.sessions import prepare_sign_in, start_session
from eventstore.digests import secret_digest
from tests.accounts.mailbox import codes_for
from tests.accounts.people import NEXT_PASSWORD, Person
from wiring import Services

SETTINGS = "/api/v1/settings/"
AUTH = "/api/v1/auth"


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """What the operator has set."""
    return {"settings_change_email": False}


def test_address_is_not_changed_in_the_form(door: httpx.Client, person: Person) -> None:
    refused = door.patch(SETTINGS, json={"email": f"other.{person.email}"}, headers=person.headers)
    assert (refused.status_code, list(refused.json())) == (400, ["email"])


def test_account_whose_provider_told_no_address_may_give_its_first_one(door: httpx.Client, services: Services) -> None:
    sign_in = prepare_sign_in(lambda text: secret_digest(services.key, text), user_agent="", network="", method="github")

    def decide(work: Work[Lookups]) -> int:
        account = open_account(work, username="unaddressed", email="", password_hash=None)
        return start_session(work, account.number, account.epoch, sign_in)

    services.commands.run(decide, Context(actor=None, channel="cli"))
    headers = {"Authorization": f"Token {sign_in.key}"}
    key = door.post(f"{AUTH}/rotate-api-key/", headers=headers).json()["api_key"]
    first = {"email": "first@example.org"}
    assert door.patch(SETTINGS, json=first, headers={"Authorization": f"Bearer {key}"}).status_code == 400
    assert door.patch(SETTINGS, json=first, headers=headers).json()["email"] == "first@example.org"
    assert door.patch(SETTINGS, json={"email": "second@example.org"}, headers=headers).status_code == 400
    assert door.post(f"{AUTH}/password-reset/", json=first).status_code == 200
    reset = {**first, "code": codes_for(services, "first@example.org")[-1], "password": NEXT_PASSWORD}
    assert door.post(f"{AUTH}/password-reset/confirm/", json=reset).status_code == 200
