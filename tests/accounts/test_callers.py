"""Every route of accounts against the table of callers.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import httpx
import pytest

from settings import Settings, load_settings
from tests.accounts.callers import CALLERS, REDIRECT, Scene
from tests.accounts.people import Person, make_person
from tests.accounts.provider import Provider, provider_settings
from tests.door import callers as door_callers
from tests.door.serving import serving
from wiring import Services

KINDS = ("anonymous", "session", "api_key", "other", "staff")


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
def settings(module_database_url: str, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Settings]:
    folder: Path = tmp_path_factory.mktemp("data")
    with serving(provider.app()) as client:
        yield load_settings(
            database_url=module_database_url, data_dir=folder, google_redirect_uri=REDIRECT, **provider_settings(client.base_url)
        )


def test_every_route_has_a_row() -> None:
    area = (door_callers.ACCOUNTS, door_callers.SESSIONS, door_callers.SETTINGS, door_callers.OAUTH)
    assert {name for table in area for name in table} == set(CALLERS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CALLERS)
def test_callers(door: httpx.Client, services: Services, provider: Provider, name: str, kind: str) -> None:
    row = CALLERS[name]
    owner = make_person(services)
    key = door.post("/api/v1/auth/rotate-api-key/", headers=owner.headers).json()["api_key"]
    sent = row.sent(Scene(door, services, provider, owner))
    method, _, path = name.partition(" ")
    path = re.sub(r"\{.*?\}", str(sent.pop("path", "")), path)
    before = state(door, owner)
    answer = door.request(method, path, json=sent if method != "GET" else None, headers=credentials(services, kind, owner, key))
    assert answer.status_code == asdict(replace(row, sent=None))[kind], answer.text  # type: ignore[arg-type]
    if not row.open and kind in ("anonymous", "other", "staff"):
        assert state(door, owner) == before, "somebody else has changed the owner's account"


def credentials(services: Services, kind: str, owner: Person, key: str) -> dict[str, str]:
    """The headers of a caller of this kind."""
    match kind:
        case "session":
            return owner.headers
        case "api_key":
            return {"Authorization": f"Bearer {key}"}
        case "other":
            return make_person(services).headers
        case "staff":
            return make_person(services, staff=True).headers
    return {}


def state(door: httpx.Client, owner: Person) -> list[object]:
    """All that the owner is shown of the account."""
    paths = ("settings/", "auth/sessions/", "auth/social-accounts/", "auth/history/")
    return [door.get(f"/api/v1/{path}", headers=owner.headers).json() for path in paths]
