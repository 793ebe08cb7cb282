"""Providers that are not set up."""

from __future__ import annotations

import httpx
import pytest

from tests.accounts.people import Person

AUTH = "/api/v1/auth"


@pytest.mark.parametrize("provider", ["google", "github"])
def test_provider_that_is_not_set_up(door: httpx.Client, person: Person, provider: str) -> None:
    assert door.get(f"{AUTH}/oauth-config/").json()[provider] == {"client_id": "", "redirect_uri": ""}
    for _ in range(2):
        assert door.post(f"{AUTH}/{provider}/", json={"code": f"same-{provider}"}).status_code == 503
    bound = door.post(f"{AUTH}/bind/{provider}/", json={"code": f"same-{provider}"}, headers=person.headers)
    assert bound.status_code == 503
    assert f"Backend.Creators.Auth/bind.{provider}.config_lookup" in bound.json()["detail"]
