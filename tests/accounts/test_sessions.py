"""Signing in and out, the probe, the list of sessions, and how long they live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import httpx
import psycopg
import pytest

from commands.accounts.erasure import erase as erase_account
from commands.accounts.operators import set_password
from commands.accounts.sign_in import forget_wrong_logins
from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.sessions import Session, device_label
from eventstore.events.sessions import SessionSeen
from eventstore.uses import note_use
from projections.callers import SEEN_AT
from projections.console import search_accounts
from projections.reading import Caller
from projections.rebuild import rebuild
from projections.sessions import Sessions
from reactors.sessions import retire_old_sessions
from settings import Settings
from tests.accounts.people import PASSWORD, Person, make_person
from tests.accounts.test_passwords import django_hash
from tests.verifying import verify_database
from wiring import Services, opened_services

AUTH = "/api/v1/auth"
DAY = timedelta(days=1)
networks = count(1)


def login(door: httpx.Client, person: Person, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return door.post(f"{AUTH}/login/", json={"email": person.email, "password": password}, headers=headers)


def probe(door: httpx.Client, token: str) -> dict[str, object]:
    answer = door.get(f"{AUTH}/session/", headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[Services]:
    """Another process on the same store: what it makes, the server has not seen yet."""
    with opened_services(settings) as services:
        yield services


def started_before(services: Services, by: timedelta) -> Person:
    """Somebody whose session was started so long ago and not used since."""
    person = make_person(services)
    with psycopg.connect(services.settings.conninfo()) as connection:
        connection.execute("UPDATE log.events SET recorded_at = recorded_at - %s WHERE stream = %s", (by, f"session-{person.session_id}"))
        connection.execute(
            "UPDATE sessions.sessions SET seen_at = seen_at - %s, started_at = started_at - %s WHERE id = %s", (by, by, person.session_id)
        )
    return person


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("", "Unknown device"), ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", "iPhone"), ("x iPad y", "iPad"),
        ("Mozilla/5.0 (Linux; Android 14)", "Android device"), ("Mozilla/5.0 (Macintosh; Intel Mac OS X)", "Mac"),
        ("Mozilla/5.0 (Windows NT 10.0)", "Windows PC"), ("Mozilla/5.0 (X11; Linux x86_64)", "Linux"), ("curl/8", "Web browser"),
    ],
)  # fmt: skip
def test_device_label(agent: str, label: str) -> None:
    assert device_label(agent) == label


@pytest.mark.parametrize(
    "body", [{}, {"password": "x"}, {"email": "", "password": "x"}, {"email": "a"}, {"identifier": None, "password": "x"}]
)
def test_incomplete_login_is_told_what_is_missing(door: httpx.Client, body: dict[str, object]) -> None:
    answer = door.post(f"{AUTH}/login/", json=body)
    assert answer.status_code == 400
    assert set(answer.json()) <= {"non_field_errors", "email", "password", "identifier"}


def test_identifier_wins_and_every_spelling_signs_in(door: httpx.Client, person: Person) -> None:
    both = {"identifier": person.username.upper(), "email": "nobody"}
    for sent in (both, {"email": person.email.title()}, {"username": person.username}):
        assert door.post(f"{AUTH}/login/", json={**sent, "password": f" {PASSWORD} "}).status_code == 200


def test_refusals_of_login_are_alike(door: httpx.Client, services: Services, person: Person) -> None:
    door.post(f"{AUTH}/register/", json={"username": "waiting", "email": "waiting@example.org", "password": PASSWORD})
    answers = [
        login(door, person, "wrong"),
        door.post(f"{AUTH}/login/", json={"email": "nobody@example.org", "password": PASSWORD}),
        door.post(f"{AUTH}/login/", json={"email": "waiting", "password": PASSWORD}),
    ]
    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.text for answer in answers}) == 1


def tried(door: httpx.Client, identifier: str, password: str, times: int = 1) -> list[int]:
    """The statuses of so many sign-ins, each from another network."""
    found = []
    for _ in range(times):
        headers = {"X-Forwarded-For": f"203.0.113.{next(networks)}"}
        found.append(door.post(f"{AUTH}/login/", json={"email": identifier, "password": password}, headers=headers).status_code)
    return found


def test_many_wrong_passwords_close_the_account_for_a_while(door: httpx.Client, services: Services, person: Person) -> None:
    spellings = [person.email, person.email.upper(), person.email.title(), f" {person.email} "]
    assert [tried(door, spellings[number % 4], "wrong") for number in range(10)] == [[400]] * 10
    closed = door.post(f"{AUTH}/login", json={"email": person.email, "password": PASSWORD})
    assert closed.status_code == 429
    assert int(closed.headers["Retry-After"]) > 0
    assert login(door, make_person(services)).status_code == 200


def test_tries_at_the_name_close_the_address_and_do_not_tell_it(door: httpx.Client, services: Services, person: Person) -> None:
    assert tried(door, person.username, "wrong", 11) == [400] * 10 + [429]
    # Nothing is checked any more, and it looks like any address of nobody.
    assert tried(door, person.email, PASSWORD, 11) == tried(door, "nobody-here@example.org", PASSWORD, 11) == [400] * 10 + [429]
    forget_wrong_logins(services.lookups, services.proofs, person.account_id)
    assert tried(door, person.email, PASSWORD) == tried(door, person.username, PASSWORD) == [200]


def test_wrong_passwords_at_once_are_no_more_than_one_after_the_other(door: httpx.Client, person: Person) -> None:
    with ThreadPoolExecutor(40) as threads:
        found = list(threads.map(lambda _: login(door, person, "wrong").status_code, range(40)))
    assert sorted(found) == [400] * 10 + [429] * 30


def test_right_passwords_at_once_are_all_taken(door: httpx.Client, person: Person) -> None:
    with ThreadPoolExecutor(15) as threads:
        assert set(threads.map(lambda _: login(door, person).status_code, range(15))) == {200}


def test_django_password_is_rehashed_at_login(door: httpx.Client, services: Services, person: Person) -> None:
    old = django_hash("Import-ed-1")
    services.commands.run(lambda work: set_password(work, person.account_id, old), Context(actor=None, channel="cli"))
    assert login(door, person, "Import-ed-2").status_code == 400
    assert login(door, person, "Import-ed-1").status_code == 200
    assert (services.lookups.password_of(person.account_id) or "").startswith("$argon2id$")
    assert login(door, person, "Import-ed-1").status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Token", "Token x", "Token " + "0" * 40, "Token " + "a" * 5000, "Basic abc", "Bearer x", "Bearer ntc_1"]
)
def test_probe_never_refuses(door: httpx.Client, header: str | None) -> None:
    answer = door.get(f"{AUTH}/session/", headers={"Authorization": header} if header is not None else {})
    assert (answer.status_code, answer.json()) == (200, {"authenticated": False})


def test_session_ends_a_day_after_its_last_use_and_the_probe_is_no_use(door: httpx.Client, elsewhere: Services) -> None:
    alive, dead = started_before(elsewhere, DAY - timedelta(minutes=1)), started_before(elsewhere, DAY + timedelta(minutes=1))
    assert probe(door, alive.token)["authenticated"] is True
    assert seen_ago(elsewhere, alive) > timedelta(hours=23)
    assert probe(door, dead.token) == {"authenticated": False}
    assert door.get("/api/v1/settings/", headers=dead.headers).json() == {"detail": "Invalid token."}


def test_use_of_a_session_is_noted_once_after_the_answer(door: httpx.Client, elsewhere: Services) -> None:
    person = started_before(elsewhere, timedelta(hours=20))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: door.get("/api/v1/settings/", headers=person.headers), range(8)))
    while seen_ago(elsewhere, person) > timedelta(hours=1):
        time.sleep(0.02)
    noted = seen_at(elsewhere, person)
    for _ in range(3):
        door.get("/api/v1/settings/", headers=person.headers)
    assert seen_at(elsewhere, person) == noted
    with psycopg.connect(elsewhere.settings.conninfo()) as connection:
        events = connection.execute("SELECT count(*) FROM log.events WHERE stream = %s", (f"session-{person.session_id}",)).fetchone()
    assert events == (1,), "its start alone: uses are no part of the history"


def test_noted_use_is_what_the_session_list_shows_and_survives_a_rebuild(door: httpx.Client, elsewhere: Services) -> None:
    person = started_before(elsewhere, timedelta(hours=30))
    note_use(elsewhere.thread_pool, Caller(person.account_id, person.session_id))
    listed = door.get(f"{AUTH}/sessions/", headers=person.headers).json()["sessions"][0]
    age = datetime.fromisoformat(listed["last_seen_at"]) - datetime.fromisoformat(listed["created_at"])
    assert timedelta(hours=30) <= age < timedelta(hours=31)
    rebuild(elsewhere.settings.conninfo(), [Sessions()])
    assert probe(door, person.token)["session"]["last_seen_at"] == listed["last_seen_at"]  # type: ignore[index]


def test_use_that_an_earlier_release_wrote_into_the_log_still_counts(door: httpx.Client, elsewhere: Services) -> None:
    alive, dead = started_before(elsewhere, timedelta(hours=30)), started_before(elsewhere, timedelta(hours=30))
    elsewhere.commands.run(partial(use, alive.session_id), Context(actor=None, channel="system"))
    assert probe(door, alive.token)["authenticated"] is True
    assert probe(door, dead.token) == {"authenticated": False}


def test_session_ends_three_days_after_its_start_however_much_it_is_used(door: httpx.Client, elsewhere: Services) -> None:
    alive, dead = started_before(elsewhere, 3 * DAY - timedelta(minutes=1)), started_before(elsewhere, 3 * DAY + timedelta(minutes=1))
    for person in (alive, dead):
        note_use(elsewhere.thread_pool, Caller(person.account_id, person.session_id))
    assert probe(door, alive.token)["authenticated"] is True
    assert probe(door, dead.token) == {"authenticated": False}


def test_session_that_ended_long_ago_is_told_of_by_the_history_alone(door: httpx.Client, services: Services, elsewhere: Services) -> None:
    recent, old = started_before(elsewhere, 29 * DAY), started_before(elsewhere, 31 * DAY)
    retire_old_sessions(services)
    assert [rows_of(elsewhere, person) for person in (recent, old)] == [(1, 0), (0, 1)]
    rebuild(elsewhere.settings.conninfo(), [Sessions()])
    assert [rows_of(elsewhere, person) for person in (recent, old)] == [(1, 0), (0, 1)]
    verify_database(elsewhere.settings.conninfo())
    assert probe(door, old.token) == {"authenticated": False}
    assert door.get("/api/v1/settings/", headers=old.headers).json() == {"detail": "Invalid token."}
    again = {"Authorization": f"Token {login(door, old).json()['token']}"}
    assert door.delete(f"{AUTH}/sessions/{old.session_id}/", headers=again).status_code == 204
    told = door.get(f"{AUTH}/history/", headers=again).json()["results"]
    assert [entry["session_id"] for entry in told if entry["what"] == "signed_in"][1:] == [old.session_id]
    [seen] = [row["seen_at"] for row in search_accounts(elsewhere.thread_pool, old.username, 0)]
    assert datetime.now(UTC) - seen < DAY
    request = "SELECT data FROM log.events WHERE stream = %s AND version = 1"
    with psycopg.connect(elsewhere.settings.conninfo()) as connection:
        assert connection.execute(request, (f"session-{old.session_id}",)).fetchone() != (b"",)
        erase_account(services.commands, old.account_id)
        assert connection.execute(request, (f"session-{old.session_id}",)).fetchone() == (b"",)
    assert rows_of(elsewhere, old) == (0, 0)


def rows_of(services: Services, person: Person) -> tuple[int, ...]:
    """How many rows there are of the person's first session: at hand, and retired."""
    tables = ("sessions", "retired")
    with psycopg.connect(services.settings.conninfo()) as connection:
        counted = [connection.execute(f"SELECT id FROM sessions.{table} WHERE id = %s".encode(), (person.session_id,)) for table in tables]
        return tuple(rows.rowcount for rows in counted)


def use(session_id: int, work: Work[Lookups]) -> None:
    """Notes a use as earlier releases did."""
    session = work.find(Session, session_id)
    assert session is not None
    session.trigger(SessionSeen, work.context.now)


def test_use_that_was_noted_while_the_clock_was_ahead_is_noted_again(door: httpx.Client, elsewhere: Services) -> None:
    person = started_before(elsewhere, timedelta(hours=1))
    ahead = datetime.now(UTC) + timedelta(days=365)
    with psycopg.connect(elsewhere.settings.conninfo()) as connection:
        connection.execute(
            "INSERT INTO log.session_uses (session_id, account_id, used_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (session_id) DO UPDATE SET used_at = EXCLUDED.used_at",
            (person.session_id, person.account_id, ahead),
        )
    door.get("/api/v1/settings/", headers=person.headers)
    deadline = time.monotonic() + 20
    while seen_at(elsewhere, person) == ahead:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def seen_ago(services: Services, person: Person) -> timedelta:
    """How long ago the session was last noted as used."""
    return datetime.now(UTC) - seen_at(services, person)


def seen_at(services: Services, person: Person) -> datetime:
    """When the session was last noted as used."""
    with psycopg.connect(services.settings.conninfo()) as connection:
        row = connection.execute(f"SELECT {SEEN_AT} FROM sessions.sessions s WHERE s.id = %s".encode(), (person.session_id,)).fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


def test_list_and_revocation(door: httpx.Client, services: Services, person: Person) -> None:
    phone = login(door, person, **{"User-Agent": "an iPhone", "X-Forwarded-For": "198.51.100.7"}).json()
    listed = door.get(f"{AUTH}/sessions/", headers=person.headers).json()
    assert listed["current_session_id"] == person.session_id
    first, second = listed["sessions"]
    assert set(first) == {"id", "device_label", "user_agent", "ip_hash_prefix", "created_at", "last_seen_at", "is_current"}
    assert (first["id"], first["device_label"], first["is_current"]) == (phone["session"]["id"], "iPhone", False)
    assert len(first["ip_hash_prefix"]) == 8
    assert second["is_current"] is True
    stranger = make_person(services)
    path = f"{AUTH}/sessions/{first['id']}/"
    refused = door.delete(path, headers=stranger.headers)
    assert (refused.status_code, refused.json()) == (404, {"detail": "Session not found."})
    for _ in range(2):
        revoked = door.delete(path, headers=person.headers)
        assert (revoked.status_code, revoked.content) == (204, b"")
    assert probe(door, phone["token"]) == {"authenticated": False}
    assert door.delete(f"{AUTH}/sessions/{person.session_id}/", headers=person.headers).status_code == 204
    assert door.get(f"{AUTH}/sessions/", headers=person.headers).status_code == 401


def test_logout_with_an_api_key_ends_nothing(door: httpx.Client, person: Person) -> None:
    key = door.post(f"{AUTH}/rotate-api-key/", headers=person.headers).json()["api_key"]
    bearer = {"Authorization": f"Bearer {key}"}
    assert door.post(f"{AUTH}/logout/", headers=bearer).status_code == 204
    assert door.get(f"{AUTH}/sessions/", headers=bearer).json()["current_session_id"] is None
    assert door.delete(f"{AUTH}/sessions/{person.session_id}/", headers=bearer).status_code == 403
    assert probe(door, person.token)["authenticated"] is True


def test_sign_in_during_a_change_of_password_does_not_outlive_it(door: httpx.Client, services: Services, person: Person) -> None:
    new_hash = django_hash("Changed-now-1")

    def change(_: int) -> None:
        services.commands.run(lambda work: set_password(work, person.account_id, new_hash), Context(actor=None, channel="cli"))

    with ThreadPoolExecutor(13) as threads:
        signing_in = [threads.submit(login, door, person) for _ in range(12)]
        threads.submit(change, 0).result()
        answers = [future.result() for future in signing_in]
    # With the old password: before the change, or after it.
    assert {answer.status_code for answer in answers} <= {200, 400}
    assert login(door, person).status_code == 400
    for answer in answers:
        if answer.status_code == 200:
            assert probe(door, answer.json()["token"]) == {"authenticated": False}


def test_many_sign_ins_at_once_all_succeed(door: httpx.Client, person: Person) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: login(door, person), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["token"] for answer in answers}) == 20
