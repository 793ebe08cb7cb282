"""What operators do on the command line, seen over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool
from typer.testing import CliRunner, Result

from cli.main import app
from commands.accounts.aggregate import Account
from commands.accounts.operators import disable, promote
from commands.bootstrap import Administrator, Ensured, ensure_administrator, revoke_every_session
from commands.context import Context
from commands.errors import Invalid
from commands.handling import Work
from commands.lookups import Lookups
from eventstore.blobs import Blobs, BlobStoreUnavailable
from eventstore.events.accounts import AccountRegistered
from projections.accounts.operator_queries import list_invitations
from settings import Settings, load_settings
from tests.accounts.people import NEXT_PASSWORD, PASSWORD, PASSWORD_HASH, Person, make_person
from wiring import Services, administrator_of, build_services, prepare_start

LOGIN = "/api/v1/auth/login/"


@pytest.fixture
def operator(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A command line with the server's settings."""
    monkeypatch.setenv("DATABASE_URL", settings.conninfo())
    monkeypatch.setenv("NOTECHONDRIA_DATA_DIR", str(settings.data_dir))
    return CliRunner()


def run(operator: CliRunner, *words: str) -> Result:
    return operator.invoke(app, list(words))


def away(*_: object) -> None:
    raise BlobStoreUnavailable("away")


def test_created_user_signs_in_and_has_an_inbox_and_a_picture(
    operator: CliRunner, door: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing has to be stored for it.
    monkeypatch.setattr(Blobs, "put_now", away)
    made = run(operator, "users", "create", "--username", "Olga", "--email", "Olga@example.org", "--password", PASSWORD, "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["username"] == "Olga"
    payload = door.post(LOGIN, json={"email": "olga", "password": PASSWORD}).json()
    headers = {"Authorization": f"Token {payload['token']}"}
    (inbox,) = [course for course in door.get("/api/v1/courses/", headers=headers).json() if course["is_default"]]
    assert inbox["title"] == "Inbox"
    picture = door.get(payload["user"]["image_url"])
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/png"
    again = run(operator, "users", "create", "--username", "olga", "--email", "o2@example.org", "--password", PASSWORD)
    assert again.exit_code == 1
    assert "taken" in again.stderr
    listed = [json.loads(line) for line in run(operator, "users", "list", "--json").stdout.splitlines()]
    assert {account["username"]: account["state"] for account in listed}["Olga"] == "active"


@pytest.mark.parametrize(("username", "password"), [("o", PASSWORD), ("has blank", PASSWORD), ("admin\u3164", PASSWORD), ("fine", "weak")])
def test_bad_user_is_refused(operator: CliRunner, username: str, password: str) -> None:
    made = run(operator, "users", "create", "--username", username, "--email", "x@example.org", "--password", password)
    assert made.exit_code == 1


def test_disabled_account_is_told_so_and_comes_back_signed_out(operator: CliRunner, door: httpx.Client, person: Person) -> None:
    assert run(operator, "users", "disable", person.username.upper()).exit_code == 0
    settings = door.get("/api/v1/settings/", headers=person.headers)
    assert (settings.status_code, settings.json()) == (401, {"detail": "User account is disabled."})
    assert door.get("/api/v1/auth/session/", headers=person.headers).json() == {"authenticated": False}
    assert door.post(LOGIN, json={"email": person.email, "password": PASSWORD}).status_code == 400
    register = {"username": "again", "email": person.email, "password": PASSWORD}
    assert list(door.post("/api/v1/auth/register/", json=register).json()) == ["email"]
    assert run(operator, "users", "enable", person.username).exit_code == 0
    assert door.get("/api/v1/settings/", headers=person.headers).json() == {"detail": "Invalid token."}
    assert door.post(LOGIN, json={"email": person.email, "password": PASSWORD}).status_code == 200


def test_sessions_are_listed_and_revoked(operator: CliRunner, door: httpx.Client, person: Person) -> None:
    (listed,) = run(operator, "sessions", "list", "--user", person.username, "--json").stdout.splitlines()
    assert json.loads(listed)["id"] == person.session_id
    assert run(operator, "sessions", "revoke", "--user", person.username).exit_code == 0
    assert door.get("/api/v1/settings/", headers=person.headers).status_code == 401


def test_invitation_code_is_shown_once(operator: CliRunner, door: httpx.Client, services: Services) -> None:
    made = run(operator, "invitations", "create", "--label", "spring", "--max-uses", "2", "--json")
    code = json.loads(made.stdout)["code"]
    assert run(operator, "invitations", "create", "--code", code).exit_code == 1
    assert run(operator, "invitations", "create", "--code", "a" * 64).exit_code == 1
    listed = run(operator, "invitations", "list", "--json").stdout
    assert code not in listed
    assert json.loads(listed)["max_uses"] == 2
    answer = door.post("/api/v1/auth/validate-invitation/", json={"invitation_code": code})
    assert answer.json() == {"required": True, "valid": True}


def test_a_start_needs_no_store_of_uploads(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("owner_now", "put_now"):
        monkeypatch.setattr(Blobs, method, away)
    settings = load_settings(database_url=database_url, data_dir=tmp_path, superuser_password=PASSWORD)
    prepare_start(settings)
    services = build_services(settings)
    services.thread_pool.open()
    try:
        assert services.lookups.first_superuser() is not None
    finally:
        services.log.close()
        services.thread_pool.close()


def test_times_of_invitations_are_in_utc_and_within_the_calendar(operator: CliRunner, services: Services) -> None:
    for far in ("0001-01-01T00:00:00+1400", "9999-12-31T23:59:59-1200"):
        assert run(operator, "invitations", "create", "--expires-at", far).stderr == "expires_at: There is no such time.\n"
    assert run(operator, "invitations", "create", "--expires-at", "2031-05-06T23:00:00-0500").exit_code == 0
    elsewhere = {"options": "-c timezone=Asia/Tokyo"}
    with ConnectionPool[Connection[TupleRow]](services.settings.conninfo(), min_size=1, kwargs=elsewhere) as pool:
        assert list_invitations(pool)[-1]["expires_at"] == "2031-05-07T04:00:00+00:00"


def test_administrator_is_made_once_and_keeps_its_password(database_url: str, tmp_path: Path) -> None:
    settings = load_settings(database_url=database_url, data_dir=tmp_path, superuser_password=PASSWORD, superuser_username="boss")
    prepare_start(settings)
    prepare_start(settings)
    services = build_services(settings)
    services.thread_pool.open()
    try:
        first = services.lookups.sign_in_candidate("boss@localhost")
        administrator = administrator_of(settings)
        assert ensure_administrator(services.commands, administrator) == Ensured("there already")
        assert services.lookups.sign_in_candidate("boss") == first
        assert ensure_administrator(services.commands, administrator, reset_password=True) == Ensured("password reset")
        assert services.lookups.sign_in_candidate("boss") != first
        person = make_person(services)
        assert revoke_every_session(services.commands) == 1
        assert services.lookups.live_sessions(person.account_id) == []
    finally:
        services.log.close()
        services.thread_pool.close()


def test_promoting_leaves_the_rights_of_administrators(operator: CliRunner, person: Person) -> None:
    def promoted(*words: str) -> tuple[bool, bool]:
        told = json.loads(run(operator, "users", "promote", person.username, *words, "--json").stdout)
        return told["is_staff"], told["is_superuser"]

    assert promoted() == (True, False)
    assert promoted("--superuser") == (True, True)
    assert promoted() == (True, True)
    assert run(operator, "users", "promote", person.username, "--superuser", "--no-staff").exit_code == 2
    assert promoted("--no-superuser") == (True, False)
    assert promoted("--superuser") == (True, True)
    assert promoted("--no-staff") == (False, False)


def test_password_of_the_settings_is_trimmed_as_all_passwords(
    operator: CliRunner, door: httpx.Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTECHONDRIA_ADMIN_USERNAME", "blank-ended")
    for given, state in ((f" {PASSWORD}\n", "made"), (f"{NEXT_PASSWORD} ", "password reset"), ("   Short1  ", "password reset")):
        monkeypatch.setenv("NOTECHONDRIA_ADMIN_PASSWORD", given)
        told = json.loads(run(operator, "bootstrap", "--reset-password", "--json").stdout)["administrator"]
        assert told["state"] == state
        assert (told["weak_password"] is None) == (given.strip() != "Short1")
        assert door.post(LOGIN, json={"email": "blank-ended", "password": given}).status_code == 200


def test_the_configured_administrator_is_open_and_has_the_configured_address(services: Services) -> None:
    person, other = make_person(services), make_person(services)
    by_operator = Context(actor=None, channel="cli")
    services.commands.run(lambda work: promote(work, person.username, is_staff=True, is_superuser=True).number, by_operator)
    services.commands.run(lambda work: disable(work, person.username).number, by_operator)
    named = Administrator(username=person.username, email=f"root.{person.email}", password=PASSWORD)
    assert ensure_administrator(services.commands, named) == Ensured("updated")
    assert ensure_administrator(services.commands, named) == Ensured("there already")
    assert services.lookups.account_of_email(f"root.{person.email}") == person.account_id
    kept = replace(named, email="left@example.org", keeps_email=True)
    assert ensure_administrator(services.commands, kept) == Ensured("there already")
    taken = replace(named, email=other.email)
    assert ensure_administrator(services.commands, taken) == Ensured("there already", email_taken=True)
    assert services.lookups.account_of_email(other.email) == other.account_id
    with pytest.raises(Invalid, match="invisible"):
        ensure_administrator(services.commands, replace(named, username="root\u2800"))


def test_administrator_is_made_without_an_address_that_another_account_has(
    operator: CliRunner, door: httpx.Client, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert door.patch("/api/v1/settings/", json={"email": "chief@localhost"}, headers=person.headers).status_code == 200
    monkeypatch.setenv("NOTECHONDRIA_ADMIN_USERNAME", "chief")
    monkeypatch.setenv("NOTECHONDRIA_ADMIN_PASSWORD", NEXT_PASSWORD)
    made = run(operator, "bootstrap", "--json")
    told = json.loads(made.stdout)["administrator"]
    assert (made.exit_code, told["state"], told["email_taken"]) == (0, "made", True)
    user = door.post(LOGIN, json={"email": "chief", "password": NEXT_PASSWORD}).json()["user"]
    assert (user["is_superuser"], user["email"]) == (True, "")


@pytest.mark.parametrize("holder", ["active", "pending", "disabled"])
def test_nobody_becomes_administrator_by_holding_its_name(
    operator: CliRunner, services: Services, monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    name = f"held-{holder}"

    def registered(work: Work[Lookups]) -> None:
        account = work.new(Account, work.lookups.next_id("account"))
        email = f"{name}@example.org"
        account.trigger(AccountRegistered, work.context.now, username=name, email=email, password_hash=PASSWORD_HASH)

    if holder == "pending":
        services.commands.run(registered, Context(actor=None, channel="rest"))
    else:
        make_person(services, name)
    if holder == "disabled":
        run(operator, "users", "disable", name)
    account_id = services.lookups.account_of_username(name)
    assert account_id is not None
    before = services.commands.log.repository.get(Account.stream(account_id), projector_func=Account.project)
    monkeypatch.setenv("NOTECHONDRIA_ADMIN_USERNAME", name.upper())
    monkeypatch.setenv("NOTECHONDRIA_ADMIN_PASSWORD", NEXT_PASSWORD)
    for words in ((), ("--reset-password",)):
        refused = run(operator, "bootstrap", *words)
        assert refused.exit_code == 1
        assert f"users promote {name.upper()} --superuser" in refused.stderr
    after = services.commands.log.repository.get(Account.stream(account_id), projector_func=Account.project)
    assert (after.version, after.is_superuser) == (before.version, False)
    assert run(operator, "users", "promote", name, "--superuser").exit_code == 0
    assert run(operator, "bootstrap", "--reset-password").exit_code == 0
