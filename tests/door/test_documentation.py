"""The documentation works without the internet and describes every route."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from api.app import PREFIX, area_routes
from api.documented import documented


def test_the_page_loads_everything_from_here(door: httpx.Client) -> None:
    page = door.get("/docs")
    assert page.status_code == 200
    assert door.get("/docs/").status_code == 200
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)
    assert len(addresses) >= 3
    for address in addresses:
        assert address.startswith("/docs/assets/")
        assert door.get(address).status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text


@pytest.fixture(scope="module")
def described(door: httpx.Client) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = door.get("/openapi.json").json()
    return document


def test_every_route_is_described(described: dict[str, Any]) -> None:
    for route in area_routes():
        operation = described["paths"][documented(route).path_format][route.declared.method.lower()]
        assert operation["summary"]


def test_bodies_queries_and_schemes_are_described(described: dict[str, Any]) -> None:
    paths, components = described["paths"], described["components"]
    assert set(components["securitySchemes"]) == {"Token", "Bearer"}
    echo = paths[f"{PREFIX}/test/echo/{{thing_id}}/"]["patch"]
    assert echo["parameters"][0]["name"] == "thing_id"
    assert echo["parameters"][0]["schema"]["type"] == "integer"
    body = components["schemas"]["ThingInPatch"]
    assert "required" not in body
    assert body["properties"]["title"] == {"type": "string", "minLength": 1, "maxLength": 10, "title": "Title"}
    assert components["schemas"]["ThingIn"]["required"] == ["title"]
    me = paths[f"{PREFIX}/test/me/"]["get"]
    assert [parameter["name"] for parameter in me["parameters"]] == ["limit"]
    assert me["security"] == [{"Token": []}, {"Bearer": []}]
    assert "422" not in me["responses"]
    answer = paths[f"{PREFIX}/test/whoami/"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer == {"schema": {"$ref": "#/components/schemas/WhoOut"}, "example": {"viewer": 8}}
    assert paths[f"{PREFIX}/test/session/"]["post"]["security"] == [{"Token": []}]


def test_operations_have_names_of_their_own() -> None:
    names = [documented(route).operation_id for route in area_routes()]
    assert len(names) == len(set(names))
