"""Registration and verification over HTTP."""

from __future__ import annotations

import httpx

from tests.accounts.mailbox import codes_for
from tests.accounts.people import PASSWORD
from wiring import Services

REGISTER = "/api/v1/auth/register/"
VERIFY = "/api/v1/auth/verify-email/"
LOGIN = "/api/v1/auth/login/"
PROBE = "/api/v1/auth/session/"


def test_from_registration_to_settings(door: httpx.Client, services: Services) -> None:
    answer = door.post(REGISTER, json={"username": "mira", "email": "Mira@Example.org", "password": PASSWORD})
    assert answer.status_code == 201
    assert answer.json() == {
        "message": "SMTP is not configured. Contact an admin for the verification code.",
        "delivery_fallback": True,
        "email": "mira@example.org",
    }
    refused = door.post(LOGIN, json={"email": "mira", "password": PASSWORD})
    assert refused.status_code == 400
    assert list(refused.json()) == ["non_field_errors"]
    (code,) = codes_for(services, "mira@example.org")
    payload = door.post(VERIFY, json={"email": "mira@example.org", "code": code})
    assert payload.status_code == 200, payload.text
    verified = payload.json()
    assert verified["multi_device"] is False
    assert verified["user"]["username"] == "mira"
    again = door.post(LOGIN, json={"email": "MIRA@example.org", "password": PASSWORD}, headers={"User-Agent": "x Windows y"})
    assert again.status_code == 200
    signed_in = again.json()
    assert signed_in["session"]["device_label"] == "Windows PC"
    assert signed_in["other_sessions_count"] == 1
    assert signed_in["multi_device"] is True
    headers = {"Authorization": f"Token {signed_in['token']}"}
    probed = door.get(PROBE, headers=headers).json()
    assert probed.pop("authenticated") is True
    assert probed == signed_in
    settings = door.get("/api/v1/settings/", headers=headers)
    assert settings.status_code == 200
    assert settings.json()["email"] == "mira@example.org"
    assert settings.json()["api_base_url"] == str(door.base_url).rstrip("/") + "/api/v1"
    assert door.post("/api/v1/auth/logout/", headers=headers).status_code == 204
    assert door.get(PROBE, headers=headers).json() == {"authenticated": False}
    assert door.get("/api/v1/settings/", headers=headers).json() == {"detail": "Invalid token."}
