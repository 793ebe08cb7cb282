"""Reset, identity codes, changes of password and address, API keys."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from commands.accounts.proofs import WRONG_CODES
from tests.accounts.mailbox import codes_for, texts_for
from tests.accounts.people import PASSWORD, Person, make_person
from wiring import Services

AUTH = "/api/v1/auth"
NEW = "Another-horse-8"


def identity_code(door: httpx.Client, services: Services, person: Person) -> str:
    answer = door.post(f"{AUTH}/send-identity-code/", headers=person.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["masked_email"] == f"{person.email[0]}***@example.org"
    return codes_for(services, person.email)[-1]


def signed_in(door: httpx.Client, headers: dict[str, str]) -> bool:
    return door.get(f"{AUTH}/sessions/", headers=headers).status_code == 200


def test_change_of_password_ends_all_sessions_but_its_own(door: httpx.Client, services: Services, person: Person) -> None:
    other = door.post(f"{AUTH}/login/", json={"email": person.email, "password": PASSWORD}).json()["token"]
    code = identity_code(door, services, person)
    # The editor labels its JSON as plain text.
    body = json.dumps({"current_password": PASSWORD, "new_password": NEW, "identity_code": code})
    answer = door.post(f"{AUTH}/change-password/", content=body, headers={**person.headers, "Content-Type": "text/plain; charset=utf-8"})
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert set(changed) == {"message", "token", "session"}
    assert signed_in(door, {"Authorization": f"Token {changed['token']}"})
    for dead in (person.token, other):
        assert door.get(f"{AUTH}/sessions/", headers={"Authorization": f"Token {dead}"}).json() == {"detail": "Invalid token."}
    assert door.post(f"{AUTH}/login/", json={"email": person.email, "password": PASSWORD}).status_code == 400
    assert door.post(f"{AUTH}/login/", json={"email": person.email, "password": NEW}).status_code == 200
    assert "was changed" in texts_for(services, person.email)[-1]


def test_wrong_password_costs_no_identity_code(door: httpx.Client, services: Services, person: Person) -> None:
    code = identity_code(door, services, person)
    change = {"current_password": "wrong", "new_password": NEW, "identity_code": code}
    refused = door.post(f"{AUTH}/change-password/", json=change, headers=person.headers)
    assert refused.status_code == 400
    assert list(refused.json()) == ["detail"]
    change["current_password"] = PASSWORD
    assert door.post(f"{AUTH}/change-password/", json=change, headers=person.headers).status_code == 200


def test_second_identity_code_waits(door: httpx.Client, services: Services, person: Person) -> None:
    identity_code(door, services, person)
    again = door.post(f"{AUTH}/send-identity-code/", headers=person.headers)
    assert again.status_code == 429
    assert 0 < int(again.headers["Retry-After"]) <= 60


def test_identity_code_of_an_address_that_the_account_has_left_is_no_good(door: httpx.Client, services: Services, person: Person) -> None:
    left = identity_code(door, services, person)
    new = f"{person.email[0]}.new.{person.email}"
    assert door.patch("/api/v1/settings/", json={"email": new}, headers=person.headers).status_code == 200
    changes = [
        ("POST", "change-password", {"current_password": PASSWORD, "new_password": NEW}),
        ("POST", "change-email", {"new_email": f"third.{person.email}"}),
        ("DELETE", "account", {}),
    ]
    for method, path, change in changes:
        refused = door.request(method, f"{AUTH}/{path}/", json={**change, "identity_code": left}, headers=person.headers)
        assert (refused.status_code, list(refused.json())) == (400, ["detail"]), path
    assert door.post(f"{AUTH}/send-identity-code/", headers=person.headers).status_code == 200
    change = {"current_password": PASSWORD, "new_password": NEW, "identity_code": codes_for(services, new)[-1]}
    assert door.post(f"{AUTH}/change-password/", json=change, headers=person.headers).status_code == 200


def test_reset_ends_all_sessions_and_the_code_works_once(door: httpx.Client, services: Services, person: Person) -> None:
    asked = door.post(f"{AUTH}/password-reset/", json={"email": person.email.upper()})
    assert asked.json()["email"] == person.email
    again = door.post(f"{AUTH}/password-reset/", json={"email": person.email})
    assert again.json() == asked.json()
    (code,) = codes_for(services, person.email)
    confirm = {"email": person.email, "code": code, "password": "weak"}
    assert list(door.post(f"{AUTH}/password-reset/confirm/", json=confirm).json()) == ["password"]
    confirm["password"] = NEW
    assert door.post(f"{AUTH}/password-reset/confirm/", json=confirm).status_code == 200
    assert not signed_in(door, person.headers)
    assert door.post(f"{AUTH}/login/", json={"identifier": person.username, "password": NEW}).status_code == 200
    refused = door.post(f"{AUTH}/password-reset/confirm/", json=confirm)
    assert refused.status_code == 400
    assert list(refused.json()) == ["non_field_errors"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Account-locked-call-the-number-that-was-told-yesterday", "Account: Account-locked-call-the-number-that-was-...\n"),
        ("Your account is locked. Go to https://evil.example/unlock", ""),
        ("evil.example", ""),
    ],
)
def test_mail_of_a_code_carries_no_sentence_of_others(door: httpx.Client, services: Services, person: Person, name: str, told: str) -> None:
    victim = f"victim.{person.email}"
    assert door.patch("/api/v1/settings/", json={"username": name, "email": victim}, headers=person.headers).status_code == 200
    assert door.post(f"{AUTH}/password-reset/", json={"email": victim}).status_code == 200
    (text,) = texts_for(services, victim)
    assert [line for line in text.splitlines(keepends=True) if line.startswith("Account: ")] == ([told] if told else [])
    assert name not in text


def test_reset_of_an_unknown_address_is_told(door: httpx.Client) -> None:
    answer = door.post(f"{AUTH}/password-reset/", json={"email": "nobody@example.org"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["email"]


def test_code_dies_after_five_wrong_tries(door: httpx.Client, services: Services, person: Person) -> None:
    door.post(f"{AUTH}/password-reset/", json={"email": person.email})
    (code,) = codes_for(services, person.email)
    wrong = "000000" if code != "000000" else "111111"
    spellings = (person.email, person.email.upper(), f" {person.email} ", person.email.title(), person.email)
    for spelling in spellings:
        answer = door.post(f"{AUTH}/password-reset/confirm/", json={"email": spelling, "code": wrong, "password": NEW})
        assert answer.status_code == 400
    right = door.post(f"{AUTH}/password-reset/confirm/", json={"email": person.email, "code": code, "password": NEW})
    assert right.status_code == 400
    assert right.json() == answer.json()


def test_wrong_codes_before_there_is_one_do_not_keep_its_owner_from_it(door: httpx.Client, services: Services, person: Person) -> None:
    confirm = {"email": person.email, "code": "000000", "password": NEW}
    assert {door.post(f"{AUTH}/password-reset/confirm/", json=confirm).status_code for _ in range(WRONG_CODES.limit + 1)} == {400}
    door.post(f"{AUTH}/password-reset/", json={"email": person.email})
    (confirm["code"],) = codes_for(services, person.email)
    assert door.post(f"{AUTH}/password-reset/confirm/", json=confirm).status_code == 200


def test_wrong_codes_count_over_all_codes_of_an_account(door: httpx.Client, services: Services, person: Person) -> None:
    def confirm(code: str) -> int:
        return door.post(f"{AUTH}/password-reset/confirm/", json={"email": person.email, "code": code, "password": NEW}).status_code

    for _ in range(WRONG_CODES.limit // 5):
        door.post(f"{AUTH}/password-reset/", json={"email": person.email})
        code = codes_for(services, person.email)[-1]
        assert {confirm("000000" if code != "000000" else "111111") for _ in range(5)} == {400}
    door.post(f"{AUTH}/password-reset/", json={"email": person.email})
    assert confirm(codes_for(services, person.email)[-1]) == 429


def test_one_of_many_redemptions_of_a_code_wins(door: httpx.Client, services: Services, person: Person) -> None:
    door.post(f"{AUTH}/password-reset/", json={"email": person.email})
    (code,) = codes_for(services, person.email)

    def redeem(number: int) -> int:
        body = {"email": person.email, "code": code, "password": f"{NEW}-{number}"}
        return door.post(f"{AUTH}/password-reset/confirm/", json=body).status_code

    with ThreadPoolExecutor(20) as threads:
        statuses = sorted(threads.map(redeem, range(20)))
    assert statuses == [200] + [400] * 19


def test_address_moves_in_two_steps(door: httpx.Client, services: Services, person: Person) -> None:
    new = f"new.{person.email}"
    taken = make_person(services)
    code = identity_code(door, services, person)
    first = {"new_email": taken.email, "identity_code": code}
    assert list(door.post(f"{AUTH}/change-email/", json=first, headers=person.headers).json()) == ["new_email"]
    first["new_email"] = new.upper()
    answer = door.post(f"{AUTH}/change-email/", json=first, headers=person.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["email"] == new
    assert list(door.post(f"{AUTH}/change-email/", json=first, headers=person.headers).json()) == ["detail"]
    (mailed,) = codes_for(services, new)
    stranger = make_person(services)
    second = {"new_email": new, "code": mailed}
    assert list(door.post(f"{AUTH}/change-email/", json=second, headers=stranger.headers).json()) == ["non_field_errors"]
    answer = door.post(f"{AUTH}/change-email/", json=second, headers=person.headers)
    assert answer.json() == {"message": "Address changed.", "email": new}
    assert signed_in(door, person.headers)
    assert door.get("/api/v1/settings/", headers=person.headers).json()["email"] == new
    assert "was changed" in texts_for(services, person.email)[-1]


@pytest.mark.parametrize("body", [{}, {"new_email": "a@example.org"}, {"new_email": "x", "identity_code": "1"}])
def test_change_of_address_names_what_is_missing(door: httpx.Client, person: Person, body: dict[str, str]) -> None:
    answer = door.post(f"{AUTH}/change-email/", json=body, headers=person.headers)
    assert answer.status_code == 400
    assert set(answer.json()) <= {"new_email", "identity_code"}


def test_new_api_key_replaces_the_old_one(door: httpx.Client, services: Services, person: Person) -> None:
    first = door.post(f"{AUTH}/rotate-api-key/", headers=person.headers).json()
    assert first["api_key"].startswith("ntc_")
    assert len(first["api_key"]) == 36
    assert first["api_key_prefix"] == first["api_key"][:8]
    assert "new API key" in texts_for(services, person.email)[-1]
    bearer = {"Authorization": f"Bearer {first['api_key']}"}
    settings = door.get("/api/v1/settings/", headers=bearer).json()
    assert settings["api_key_prefix"] == first["api_key_prefix"]
    assert door.post(f"{AUTH}/rotate-api-key/", headers=bearer).status_code == 403
    # Noted after the answer, so it may take a moment.
    while door.get("/api/v1/settings/", headers=person.headers).json()["api_key_last_used_at"] is None:
        time.sleep(0.02)
    second = door.post(f"{AUTH}/rotate-api-key/", headers=person.headers).json()
    assert door.get("/api/v1/settings/", headers=bearer).json() == {"detail": "Invalid API key."}
    assert door.get("/api/v1/settings/", headers={"Authorization": f"Bearer {second['api_key']}"}).status_code == 200


def test_repeated_rotation_answers_the_same_key(door: httpx.Client, services: Services, person: Person) -> None:
    headers = {**person.headers, "Idempotency-Key": "rotate-once"}
    with ThreadPoolExecutor(8) as threads:
        answers = {threads.submit(door.post, f"{AUTH}/rotate-api-key/", headers=headers).result().text for _ in range(8)}
    assert len(answers) == 1
    key = json.loads(answers.pop())["api_key"]
    with services.thread_pool.connection() as connection:
        kept = connection.execute("SELECT answer FROM log.idempotency WHERE account_id = %s", (person.account_id,)).fetchall()
    assert kept
    assert all(key.encode() not in answer for (answer,) in kept)


def test_asking_again_for_an_identity_code_with_the_same_key_is_one_request(door: httpx.Client, services: Services, person: Person) -> None:
    headers = {**person.headers, "Idempotency-Key": "identity-once"}
    first, second = (door.post(f"{AUTH}/send-identity-code/", headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code, second.text) == (200, 200, first.text)
    assert len(codes_for(services, person.email)) == 1


def test_a_reset_lifts_the_lock_of_too_many_wrong_passwords(door: httpx.Client, services: Services, person: Person) -> None:
    wrong = {"identifier": person.username, "password": "wrong"}
    while door.post(f"{AUTH}/login/", json=wrong).status_code == 400:
        pass
    assert door.post(f"{AUTH}/login/", json={"identifier": person.username, "password": PASSWORD}).status_code == 429
    door.post(f"{AUTH}/password-reset/", json={"email": person.email})
    (code,) = codes_for(services, person.email)
    assert door.post(f"{AUTH}/password-reset/confirm/", json={"email": person.email, "code": code, "password": NEW}).status_code == 200
    assert door.post(f"{AUTH}/login/", json={"identifier": person.username, "password": NEW}).status_code == 200


def test_a_code_that_died_is_replaced_at_once(door: httpx.Client, services: Services, person: Person) -> None:
    def confirm(code: str) -> int:
        body = {"email": person.email, "code": code, "password": NEW}
        return door.post(f"{AUTH}/password-reset/confirm/", json=body).status_code

    door.post(f"{AUTH}/password-reset/", json={"email": person.email})
    (dead,) = codes_for(services, person.email)
    wrong = "000000" if dead != "000000" else "111111"
    assert {confirm(wrong) for _ in range(5)} == {400}
    assert door.post(f"{AUTH}/password-reset/", json={"email": person.email}).status_code == 200
    fresh = codes_for(services, person.email)[-1]
    assert len(codes_for(services, person.email)) == 2
    assert confirm(fresh) == 200
