"""Into the operator's console, and out of it."""

from __future__ import annotations

import httpx
import pytest

from api.app import Door, area_routes
from api.console.visit import COOKIE
from commands.accounts.operators import disable
from commands.context import Context
from settings import Settings
from tests.accounts.people import PASSWORD, Person, make_person
from tests.door.serving import serving
from tests.platform.console import csrf
from wiring import Services, build_services


def test_session_cookie_is_kept_from_scripts_and_other_sites(client: httpx.Client, services: Services) -> None:
    person = make_person(services, staff=True)
    form = {"username": person.username, "password": PASSWORD}
    plain = client.post("/admin/login", data=form).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/admin", "Max-Age=259200"} <= set(plain.split("; "))
    assert "Secure" not in plain
    behind_tls = client.post("/admin/login", data=form, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"})
    assert "Secure" in behind_tls.headers["Set-Cookie"].split("; ")


def test_session_cookie_goes_over_tls_alone_where_clients_come_over_tls(prepared: Settings) -> None:
    services = build_services(prepared.model_copy(update={"public_origin": "https://notes.example.org", "trusted_proxies": ()}))
    with serving(Door(services, area_routes())) as client:
        person = make_person(services, staff=True)
        entered = client.post("/admin/login", data={"username": person.username, "password": PASSWORD})
        assert "Secure" in entered.headers["Set-Cookie"].split("; ")


def test_wrong_password_is_told_and_counted(client: httpx.Client, services: Services) -> None:
    person = make_person(services, staff=True)
    statuses = [client.post("/admin/login", data={"username": person.username, "password": "wrong"}).status_code for _ in range(30)]
    assert statuses[0] == 400
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    "onward", ["https://evil.example/", "//evil.example", "/admin//evil.example", "/admin/../x", "/api/v1/", "/admin/\\evil"]
)
def test_signing_in_never_leads_to_another_site(client: httpx.Client, services: Services, onward: str) -> None:
    person = make_person(services, staff=True)
    entered = client.post("/admin/login", data={"username": person.username, "password": PASSWORD, "next": onward})
    assert entered.headers["Location"] == "/admin/"


def test_password_is_trimmed(client: httpx.Client, services: Services) -> None:
    person = make_person(services, staff=True)
    assert client.post("/admin/login", data={"username": person.username, "password": f" {PASSWORD}\n"}).status_code == 303


def test_disabled_staff_is_out_at_once(client: httpx.Client, services: Services, staff: Person) -> None:
    services.commands.run(lambda work: disable(work, staff.username).number, Context(actor=None, channel="cli"))
    assert client.get("/admin/").status_code == 303


def test_signing_out_ends_the_session(client: httpx.Client, staff: Person) -> None:
    key = client.cookies[COOKIE]
    assert client.post("/admin/logout", data={"csrf": csrf(client)}).status_code == 303
    assert client.get("/api/v1/settings/", headers={"Authorization": f"Token {key}"}).status_code == 401
    assert client.get("/admin/").status_code == 303
