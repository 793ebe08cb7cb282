"""Registration: fields, codes, cool-downs, invitations, and what happens when many do it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from commands.accounts.avatars import default_avatar
from commands.accounts.operators import disable, enable
from commands.accounts.proofs import WRONG_INVITATIONS_OF_NETWORK
from commands.accounts.registration import expire_registration
from commands.context import Context
from commands.errors import Invalid
from commands.invitations import admitting_invitation, create_invitation
from eventstore.events.accounts import AccountErasureRequested, RegistrationExpired, default_image_path
from reactors.erasure import ERASURE, erase_account
from reactors.registrations import expire_registrations
from tests.accounts.mailbox import codes_for, texts_for
from tests.accounts.people import PASSWORD, Person
from tests.accounts.test_erasure import traces_in
from tests.dumps import dumped
from wiring import Services

AUTH = "/api/v1/auth"


def register(door: httpx.Client, username: str, email: str, **more: Any) -> httpx.Response:
    return door.post(f"{AUTH}/register/", json={"username": username, "email": email, "password": PASSWORD, **more})


def verify(door: httpx.Client, email: str, code: str) -> httpx.Response:
    return door.post(f"{AUTH}/verify-email/", json={"email": email, "code": code})


def log_in(door: httpx.Client, identifier: str, password: str = PASSWORD) -> int:
    return door.post(f"{AUTH}/login/", json={"email": identifier, "password": password}).status_code


def age_codes(services: Services, by: timedelta = timedelta(seconds=61)) -> None:
    """Moves the issue of all codes into the past, as waiting would."""
    with psycopg.connect(services.settings.conninfo()) as connection:
        connection.execute("UPDATE log.codes SET issued_at = issued_at - %s, expires_at = expires_at - %s", (by, by))


def invite(services: Services, code: str, max_uses: int = 1, expires_at: datetime | None = None) -> int:
    digest = services.proofs.digest(code)
    made_at = expires_at - timedelta(minutes=1) if expires_at else datetime.now(UTC)
    return services.commands.run(
        lambda work: create_invitation(work, digest, label="", max_uses=max_uses, expires_at=expires_at),
        Context(actor=None, channel="cli", now=made_at),
    ).result


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "ab"), ("username", "x" * 151), ("username", "with blank"), ("username", "a@b.c"), ("username", "müller"),
        ("username", None), ("username", True), ("username", ["abc"]), ("email", "nobody"), ("email", ""), ("email", "a" * 250 + "@b.org"),
        ("email", {"a": 1}), ("password", "Short-1"), ("password", "alllower-1"), ("password", "ALLUPPER-1"), ("password", "OnlyLetters"),
        ("password", "  Short-1  "), ("password", "Aa1" * 400), ("password", "Null\0-byte1"),
    ],
)  # fmt: skip
def test_bad_field_is_named(door: httpx.Client, field: str, value: object) -> None:
    body = {"username": "fine-name", "email": "fine@example.org", "password": PASSWORD, field: value}
    answer = door.post(f"{AUTH}/register/", json=body)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == [field]


def test_all_bad_fields_are_named_at_once(door: httpx.Client) -> None:
    assert set(door.post(f"{AUTH}/register/", json={}).json()) == {"username", "email", "password"}
    assert door.post(f"{AUTH}/register/", json=[]).json() == {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}


def test_active_account_keeps_name_and_address(door: httpx.Client, person: Person) -> None:
    answer = register(door, person.username.upper(), person.email.upper())
    assert set(answer.json()) == {"username", "email"}


def test_name_of_the_configured_administrator_is_nobodys(door: httpx.Client, person: Person) -> None:
    assert list(register(door, "HEAD-office", "head@example.org").json()) == ["username"]
    renamed = door.patch("/api/v1/settings/", json={"username": "head-office"}, headers=person.headers)
    assert (renamed.status_code, list(renamed.json())) == (400, ["username"])


def test_password_is_trimmed_everywhere(door: httpx.Client, services: Services) -> None:
    assert register(door, "trimmed", " trimmed@example.org ", password=f"  {PASSWORD} ").status_code == 201
    assert verify(door, "trimmed@example.org", f" {codes_for(services, 'trimmed@example.org')[0]} ").status_code == 200
    assert door.post(f"{AUTH}/login/", json={"email": "trimmed", "password": PASSWORD}).status_code == 200


def test_pending_account_registers_again_without_a_second_mail_in_the_cool_down(door: httpx.Client, services: Services) -> None:
    email = "again@example.org"
    assert register(door, "again", email).status_code == 201
    assert register(door, "again", email.upper()).status_code == 201
    assert register(door, "again-renamed", email).status_code == 201
    assert register(door, "again", "other-again@example.org").status_code == 201
    (code,) = codes_for(services, email)
    payload = verify(door, email, code)
    assert payload.json()["user"]["username"] == "again-renamed"
    assert log_in(door, email) == 200
    assert verify(door, email, code).status_code == 400


def test_code_does_not_open_an_account_with_a_password_that_was_registered_after_its_mail(door: httpx.Client, services: Services) -> None:
    email, other = "contested@example.org", "Other-horse-9"
    first = register(door, "contested", email)
    second = register(door, "contester", email, password=other)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    (code,) = codes_for(services, email)
    payload = verify(door, email, code)
    assert payload.status_code == 200
    token = payload.json()["token"]
    assert door.get("/api/v1/settings/", headers={"Authorization": f"Token {token}"}).status_code == 200
    assert [log_in(door, email, password) for password in (PASSWORD, other)] == [400, 400]
    assert "Set a password" in texts_for(services, email)[-1]
    assert door.post(f"{AUTH}/password-reset/", json={"email": email}).status_code == 200
    reset = {"email": email, "code": codes_for(services, email)[-1], "password": "Third-horse-9"}
    assert door.post(f"{AUTH}/password-reset/confirm/", json=reset).status_code == 200
    assert log_in(door, email, "Third-horse-9") == 200


@pytest.mark.parametrize("way", ["resend", "register"])
def test_account_that_was_registered_with_several_passwords_keeps_none_whatever_code_opens_it(
    door: httpx.Client, services: Services, way: str
) -> None:
    email, other = f"several-{way}@example.org", "Other-horse-9"
    register(door, f"several-{way}", email)
    if way == "resend":
        register(door, f"several-{way}", email, password=other)
    age_codes(services)
    if way == "resend":
        assert door.post(f"{AUTH}/resend-verification/", json={"email": email}).status_code == 200
    else:
        assert register(door, f"several-{way}", email, password=other).status_code == 201
    opened = verify(door, email, codes_for(services, email)[-1])
    headers = {"Authorization": f"Token {opened.json()['token']}"}
    assert door.get("/api/v1/settings/", headers=headers).status_code == 200
    assert [log_in(door, email, password) for password in (PASSWORD, other)] == [400, 400]
    assert "Set a password" in texts_for(services, email)[-1]


def test_password_of_a_reset_is_lost_to_a_later_registration_but_to_no_stranger(door: httpx.Client, services: Services) -> None:
    email, chosen, other = "reset-then-renewed@example.org", "Own-horse-99", "Other-horse-9"
    register(door, "reset-then-renewed", email)
    door.post(f"{AUTH}/password-reset/", json={"email": email})
    registration, reset = codes_for(services, email)
    assert door.post(f"{AUTH}/password-reset/confirm/", json={"email": email, "code": reset, "password": chosen}).status_code == 200
    assert register(door, "reset-then-renewed", email, password=other).status_code == 201
    assert verify(door, email, registration).status_code == 200
    assert [log_in(door, email, password) for password in (chosen, other)] == [400, 400]


def test_password_that_was_reset_by_mail_is_kept_when_the_address_is_verified(door: httpx.Client, services: Services) -> None:
    email, chosen = "reset-first@example.org", "Other-horse-9"
    register(door, "reset-first", email)
    door.post(f"{AUTH}/password-reset/", json={"email": email})
    registration, reset = codes_for(services, email)
    confirmed = door.post(f"{AUTH}/password-reset/confirm/", json={"email": email, "code": reset, "password": chosen})
    assert confirmed.status_code == 200
    assert verify(door, email, registration).status_code == 200
    assert log_in(door, email, chosen) == 200


def test_resend_waits_and_makes_the_old_code_void(door: httpx.Client, services: Services, person: Person) -> None:
    email = "resend@example.org"
    register(door, "resend", email)
    too_soon = door.post(f"{AUTH}/resend-verification/", json={"email": email})
    assert list(too_soon.json()) == ["email"]
    age_codes(services)
    sent = door.post(f"{AUTH}/resend-verification/", json={"email": email.upper()})
    assert sent.status_code == 200
    assert set(sent.json()) == {"message", "delivery_fallback"}
    old, new = codes_for(services, email)
    assert old == new or verify(door, email, old).status_code == 400
    assert verify(door, email, new).status_code == 200
    for address in (email, person.email, "nobody@example.org"):
        assert list(door.post(f"{AUTH}/resend-verification/", json={"email": address}).json()) == ["email"]


def test_code_expires_and_dies_of_wrong_tries(door: httpx.Client, services: Services) -> None:
    register(door, "late", "late@example.org")
    (code,) = codes_for(services, "late@example.org")
    age_codes(services, timedelta(hours=25))
    refused = verify(door, "late@example.org", code)
    assert refused.status_code == 400
    register(door, "guessed", "guessed@example.org")
    (code,) = codes_for(services, "guessed@example.org")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    with ThreadPoolExecutor(20) as threads:
        tries = list(threads.map(lambda _: verify(door, "guessed@example.org", wrong).status_code, range(20)))
    assert set(tries) <= {400, 429}
    dead = verify(door, "guessed@example.org", code)
    assert dead.status_code in (400, 429)
    assert dead.status_code == 429 or dead.json() == refused.json()


def test_one_of_many_gets_name_and_address(door: httpx.Client, services: Services) -> None:
    with ThreadPoolExecutor(20) as threads:
        by_name = list(threads.map(lambda n: register(door, "Popular", f"popular{n}@example.org"), range(20)))
        by_email = list(threads.map(lambda n: register(door, f"crowd-{n}", "crowd@example.org"), range(20)))
    assert sorted(answer.status_code for answer in by_name) == [201] + [400] * 19
    assert all(list(answer.json()) == ["username"] for answer in by_name if answer.status_code == 400)
    assert {answer.status_code for answer in by_email} <= {201, 400}
    assert all(list(answer.json()) == ["email"] for answer in by_email if answer.status_code == 400)
    assert len(codes_for(services, "crowd@example.org")) == 1


def test_one_of_many_verifications_signs_in(door: httpx.Client, services: Services) -> None:
    register(door, "verified-once", "once@example.org")
    (code,) = codes_for(services, "once@example.org")
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: verify(door, "once@example.org", code), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    (token,) = [answer.json()["token"] for answer in answers if answer.status_code == 200]
    headers = {"Authorization": f"Token {token}"}
    (inbox,) = [course for course in door.get("/api/v1/courses/", headers=headers).json() if course["is_default"]]
    notes = door.get("/api/v1/notes/?limit=20&offset=0", headers=headers).json()["results"]
    assert [(note["title"], note["course_id"], note["is_public"]) for note in notes] == [("Welcome to Notechondria", inbox["id"], False)]
    welcome = door.get(f"/api/v1/notes/{notes[0]['id']}/", headers=headers).json()
    assert [(block["block_type"], block["text"].strip()) for block in welcome["blocks"]] == [
        ("T", "Welcome to Notechondria"),
        ("N", welcome["content"].strip()),
    ]
    assert not welcome["content"].startswith("#")
    door.patch(f"/api/v1/notes/{notes[0]['id']}/", json={"title": "Mine now", "content": "changed"}, headers=headers)
    assert door.post(f"{AUTH}/login/", json={"email": "once@example.org", "password": PASSWORD}).status_code == 200
    notes = door.get("/api/v1/notes/?limit=20&offset=0", headers=headers).json()["results"]
    assert [note["title"] for note in notes] == ["Mine now"]
    door.delete(f"/api/v1/notes/{notes[0]['id']}/", headers=headers)
    assert door.post(f"{AUTH}/login/", json={"email": "once@example.org", "password": PASSWORD}).status_code == 200
    assert door.get("/api/v1/notes/?limit=20&offset=0", headers=headers).json()["results"] == []


def test_registration_that_is_never_verified_frees_its_name(door: httpx.Client, services: Services) -> None:
    register(door, "abandoned", "abandoned@example.org")
    assert expire_registrations(services, datetime.now(UTC) - timedelta(days=1)) == 0
    assert expire_registrations(services, datetime.now(UTC) + timedelta(days=1)) > 0
    assert register(door, "abandoned", "someone-else@example.org").status_code == 201


def test_registration_that_expired_leaves_nothing_of_itself(door: httpx.Client, services: Services) -> None:
    traces = ["Forgotten-soon", "forgotten-soon@example.org", "forgotten-later"]
    assert register(door, traces[0], traces[1]).status_code == 201
    assert register(door, traces[2], traces[1]).status_code == 201
    codes_for(services, traces[1])
    account_id = services.lookups.account_of_email(traces[1])
    assert account_id is not None
    assert traces_in(dumped(services.settings.conninfo()).lower(), traces) == traces
    assert expire_registrations(services, datetime.now(UTC) + timedelta(days=1)) > 0
    erase_account(services, account_id)
    assert traces_in(dumped(services.settings.conninfo()).lower(), traces) == []
    outbox = "".join(path.read_text() for path in Path(services.settings.outbox).iterdir())
    assert traces[1] not in outbox
    assert {RegistrationExpired, AccountErasureRequested} == set(ERASURE.handles)


def test_registration_that_was_shut_and_opened_meanwhile_expires_as_if_it_had_not(door: httpx.Client, services: Services) -> None:
    register(door, "shut-and-open", "shut-and-open@example.org")
    registered_before = datetime.now(UTC)
    for change in (disable, enable):
        services.commands.run(partial(change, username="shut-and-open"), Context(actor=None, channel="cli"))
    assert expire_registrations(services, registered_before) > 0
    assert services.lookups.account_of_email("shut-and-open@example.org") is None
    assert expire_registrations(services, registered_before) == 0


def test_a_round_of_expiring_registrations_has_an_end(door: httpx.Client, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    register(door, "comes-again", "comes-again@example.org")
    monkeypatch.setattr("reactors.registrations.expire_registration", lambda *_, **__: False)
    assert expire_registrations(services, datetime.now(UTC) + timedelta(days=1)) == 0


def test_registration_that_is_renewed_at_the_last_moment_stays(door: httpx.Client, services: Services) -> None:
    register(door, "in-time", "in-time@example.org")
    account_id = services.lookups.account_of_email("in-time@example.org")
    assert account_id is not None
    listed_before = datetime.now(UTC)
    register(door, "in-time", "in-time@example.org")
    expire = partial(expire_registration, account_id=account_id, before=listed_before)
    services.commands.run(expire, Context(actor=None, channel="system"))
    (code,) = codes_for(services, "in-time@example.org")
    assert verify(door, "in-time@example.org", code).status_code == 200


def test_each_mail_without_a_mail_server_is_told_once_and_never_its_code(
    door: httpx.Client, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        answer = register(door, "told-once", "told-once@example.org")
        assert (answer.status_code, answer.json()["delivery_fallback"]) == (201, True)
    (code,) = codes_for(services, "told-once@example.org")
    lines = [record.getMessage() for record in caplog.records if "told-once@example.org" in record.getMessage()]
    assert len(lines) == 1
    assert "smtp_not_configured" in lines[0]
    assert all(code not in record.getMessage() for record in caplog.records)


def test_first_picture_shows_the_letter_of_the_name(door: httpx.Client, services: Services) -> None:
    register(door, "Zoe-Z", "another-letter@example.org")
    holder = services.lookups.holder_of_email("another-letter@example.org")
    assert holder is not None
    assert door.get(f"/media/{default_image_path(holder[0])}").status_code == 404
    user = verify(door, "another-letter@example.org", codes_for(services, "another-letter@example.org")[0]).json()["user"]
    shown = door.get(user["image_url"])
    assert (shown.content, shown.headers["content-type"]) == (default_avatar(user["id"], "Zoe-Z"), "image/png")
    assert door.get(user["image_url"], headers={"If-None-Match": shown.headers["etag"]}).status_code == 304
    part = door.get(user["image_url"], headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content, part.headers["content-length"]) == (206, b"PNG", "3")
    assert door.head(user["image_url"]).headers["content-length"] == str(len(shown.content))
    assert default_avatar(user["id"], "Zoe-Z") != default_avatar(user["id"], "another-letter")


def test_invitations(door: httpx.Client, services: Services) -> None:
    def valid(code: object) -> dict[str, bool]:
        answer = door.post(f"{AUTH}/validate-invitation/", json={"invitation_code": code})
        assert answer.status_code == 200
        found: dict[str, bool] = answer.json()
        return found

    assert valid("") == valid("any\0thing") == valid(None) == {"required": False, "valid": True}
    assert list(register(door, "gate-off", "gate-off@example.org", invitation_code="nonsense").json()) == ["invitation_code"]
    invite(services, "Spring", max_uses=3)
    invite(services, "Past", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert valid(" Spring ") == {"required": True, "valid": True}
    assert door.post(f"{AUTH}/validate-invitation/", data={"invitation_code": "Spring"}).json() == valid("Spring")
    for code in ("", "spring", "Past", None, ["Spring"], {"a": 1}, 7, "Spring\0", "x" * 70_000):
        assert valid(code) == {"required": True, "valid": False}
    shown: list[dict[str, str]] = [{}, {"invitation_code": ""}, {"invitation_code": "Past"}]
    for sent in shown:
        assert list(register(door, "uninvited", "uninvited@example.org", **sent).json()) == ["invitation_code"]
    with ThreadPoolExecutor(20) as threads:
        answers = list(
            threads.map(lambda n: register(door, f"invited-{n}", f"invited{n}@example.org", invitation_code="Spring"), range(20))
        )
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [400] * 17
    assert valid("Spring") == {"required": True, "valid": False}


@pytest.mark.usefixtures("door")
def test_an_invitation_that_ends_while_somebody_registers_admits_nobody(services: Services) -> None:
    end = datetime.now(UTC) + timedelta(minutes=1)
    invitation = invite(services, "Brief", expires_at=end)

    def admitted(now: datetime) -> int | None:
        context = Context(actor=None, channel="rest", now=now)
        found = services.commands.run(lambda work: admitting_invitation(work, services.proofs.digest("Brief")), context).result
        return found.number if found else None

    assert admitted(end) == invitation
    with pytest.raises(Invalid):
        admitted(end + timedelta(microseconds=1))


def test_wrong_invitations_count_wherever_they_are_shown(door: httpx.Client, services: Services) -> None:
    def shown(code: str, network: str) -> tuple[int, int]:
        headers = {"X-Forwarded-For": network}
        body = {"username": "many-codes", "email": "many-codes@example.org", "password": PASSWORD, "invitation_code": code}
        tried = door.post(f"{AUTH}/validate-invitation/", json=body, headers=headers)
        return tried.status_code, door.post(f"{AUTH}/register/", json=body, headers=headers).status_code

    guard, network = WRONG_INVITATIONS_OF_NETWORK, "203.0.113.77"
    invite(services, "Rare")
    for _ in range(guard.limit - 2):
        services.proofs.guards.count(guard.name, network, guard.window)
    assert shown("wrong", network) == (200, 400)
    assert shown("Rare", network) == (429, 429)
    assert shown("Rare", "203.0.113.78") == (200, 201)


def test_no_code_stands_in_the_log(door: httpx.Client, services: Services) -> None:
    invite(services, "Secretly", max_uses=5)
    register(door, "discreet", "discreet@example.org", invitation_code="Secretly")
    with psycopg.connect(services.settings.conninfo()) as connection:
        queued = connection.execute("SELECT content FROM log.mails").fetchall()
        logged = connection.execute("SELECT data, metadata FROM log.events WHERE stream LIKE 'account-%'").fetchall()
    assert all(b"Code:" not in content for (content,) in queued)
    (code,) = codes_for(services, "discreet@example.org")
    for data, metadata in logged:
        assert f'"{code}"'.encode() not in data + metadata
        assert b"Secretly" not in data
        assert PASSWORD.encode() not in data
