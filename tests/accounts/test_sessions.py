"""Sessions."""

from __future__ import annotations

import httpx

from projections.reading import Credentials
from tests.accounts.people import Person
from wiring import Services


def test_account_made_by_an_operator_is_recognised(door: httpx.Client, services: Services, person: Person) -> None:
    caller = services.reader.identify_now(Credentials("session", person.token))
    assert caller.account_id == person.account_id
    assert caller.session_id == person.session_id
