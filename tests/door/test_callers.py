"""Every mounted route against the table of callers.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import httpx
import pytest

from api.app import Door, area_routes
from api.paths import segments
from tests.door.callers import CALLERS, Row
from tests.door.people import give_api_key, sign_up
from tests.door.serving import serving
from wiring import Services

ROUTES = {f"{route.declared.method} {route.path}": route for route in area_routes()}
PARAMETERS = {"int": "999999999999", "uuid": "0c1f6a54-5f0e-4a9b-9b0e-3d1c8f2a7e11", "str": "nothing", "path": "nothing/here"}
KINDS = ("anonymous", "bad_session", "bad_api_key", "session", "api_key", "staff")


@pytest.fixture(scope="module")
def product(services: Services) -> Iterator[httpx.Client]:
    """The server with the product's routes alone."""
    with serving(Door(services, area_routes())) as client:
        yield client


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(ROUTES) == set(CALLERS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(set(CALLERS) & set(ROUTES)))
def test_callers(product: httpx.Client, services: Services, name: str, kind: str) -> None:
    row = CALLERS[name]
    answer = call(product, name, row, credentials(services, kind))
    assert answer.status_code == asdict(row)[kind], answer.text


def call(client: httpx.Client, name: str, row: Row, headers: dict[str, str]) -> httpx.Response:
    """Calls the route as its row says."""
    method, _, path = name.partition(" ")
    for kind, parameter in segments(path):
        if kind:
            path = path.replace("{" + parameter + "}", PARAMETERS[kind]).replace("{" + parameter + ":" + kind + "}", PARAMETERS[kind])
    body = None if method == "GET" else row.body if row.body is not None else {}
    return client.request(method, path + row.query, json=body, headers=headers)


def credentials(services: Services, kind: str) -> dict[str, str]:
    """The headers of a caller of this kind, somebody else each time: a call may end the caller's session."""
    match kind:
        case "bad_session":
            return {"Authorization": "Token " + "0" * 40}
        case "bad_api_key":
            return {"Authorization": "Bearer ntc_" + "0" * 32}
        case "session":
            return sign_up(services).headers
        case "api_key":
            return {"Authorization": f"Bearer {give_api_key(services, sign_up(services))}"}
        case "staff":
            return sign_up(services, staff=True).headers
    return {}
