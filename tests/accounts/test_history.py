"""The history of an account."""

from __future__ import annotations

import httpx

from tests.accounts.people import PASSWORD, Person, make_person
from wiring import Services

HISTORY = "/api/v1/auth/history/"


def test_history_tells_what_happened_newest_first_and_no_secret(door: httpx.Client, services: Services, person: Person) -> None:
    key = door.post("/api/v1/auth/rotate-api-key/", headers=person.headers).json()["api_key"]
    token = door.post("/api/v1/auth/login/", json={"email": person.email, "password": PASSWORD}).json()["token"]
    door.patch("/api/v1/settings/", json={"motto": "Slow is smooth"}, headers=person.headers)
    door.post("/api/v1/auth/logout/", headers={"Authorization": f"Token {token}"})
    answer = door.get(HISTORY, headers=person.headers)
    assert answer.status_code == 200
    entries = answer.json()["results"]
    told = ["session_ended", "profile_changed", "signed_in", "api_key_rotated", "signed_in", "verified", "registered"]
    assert [entry["what"] for entry in entries] == told
    assert entries[0]["about"] == {"cause": "logout"}
    assert entries[2]["about"]["method"] == "password"
    assert answer.json()["next_before"] is None
    for secret in (key, token, person.token, "argon2", "digest", "password_hash"):
        assert secret not in answer.text


def test_of_long_settings_the_history_tells_the_names(door: httpx.Client, person: Person) -> None:
    kept = {"drafts": [[1]] * 15_000, "n" * 200: 1}
    for settings in ({"short": [1]}, kept):
        assert door.patch("/api/v1/settings/", json={"app_settings": settings}, headers=person.headers).status_code == 200
    long, short, *_ = door.get(HISTORY, headers=person.headers).json()["results"]
    assert short["about"]["changes"] == {"short": [1]}
    assert (long["what"], long["about"]) == ("app_settings_changed", {"changed": ["drafts", "n" * 100]})


def test_history_comes_in_pages(door: httpx.Client, person: Person) -> None:
    first = door.get(f"{HISTORY}?limit=2", headers=person.headers).json()
    second = door.get(f"{HISTORY}?limit=2&before={first['next_before']}", headers=person.headers).json()
    assert [entry["what"] for entry in first["results"] + second["results"]] == ["signed_in", "verified", "registered"]
    assert second["next_before"] is None


def test_history_is_the_callers_own(door: httpx.Client, services: Services, person: Person) -> None:
    other = make_person(services)
    mine = {entry["id"] for entry in door.get(HISTORY, headers=person.headers).json()["results"]}
    theirs = {entry["id"] for entry in door.get(HISTORY, headers=other.headers).json()["results"]}
    assert not mine & theirs
    assert door.get(HISTORY).status_code == 401
    assert door.get(f"{HISTORY}?limit=0", headers=person.headers).status_code == 400
