"""What may happen once is tried by many at the same moment: one of them gets it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import httpx
import pytest

from tests.accounts.mailbox import codes_for
from tests.accounts.people import PASSWORD, Person
from tests.mcp.people import make_keeper
from tests.mcp.test_clients import modern
from wiring import Services

V1 = "/api/v1"
TRIES = 30
T = TypeVar("T")


def at_once(act: Callable[[int], T], tries: int = TRIES) -> list[T]:
    """What each of many got who acted at the same moment."""
    together = Barrier(tries)

    def one(number: int) -> T:
        together.wait()
        return act(number)

    with ThreadPoolExecutor(tries) as threads:
        return list(threads.map(one, range(tries)))


def identity_code(door: httpx.Client, services: Services, person: Person) -> str:
    assert door.post(f"{V1}/auth/send-identity-code/", headers=person.headers).status_code == 200
    return codes_for(services, person.email)[-1]


def test_one_password_is_set_with_an_identity_code(door: httpx.Client, services: Services, person: Person) -> None:
    code = identity_code(door, services, person)

    def change(number: int) -> int:
        body = {"current_password": PASSWORD, "new_password": f"Other-horse-{number}", "identity_code": code}
        return door.post(f"{V1}/auth/change-password/", json=body, headers=person.headers).status_code

    found = Counter(at_once(change, 12))
    assert found[200] == 1
    # The winner ends all sessions, so others are refused as unknown.
    assert set(found) <= {200, 400, 401}
    entering = [
        door.post(f"{V1}/auth/login/", json={"identifier": person.username, "password": f"Other-horse-{number}"}).status_code
        for number in range(12)
    ]
    assert Counter(entering)[200] <= 1


def test_one_address_is_asked_for_with_an_identity_code(door: httpx.Client, services: Services, person: Person) -> None:
    code = identity_code(door, services, person)

    def ask(number: int) -> int:
        body = {"new_email": f"{number}.{person.email}", "identity_code": code}
        return door.post(f"{V1}/auth/change-email/", json=body, headers=person.headers).status_code

    statuses = at_once(ask, 15)
    assert Counter(statuses) == {200: 1, 400: 14}
    [asked] = [number for number, status in enumerate(statuses) if status == 200]
    new = f"{asked}.{person.email}"
    [digits] = codes_for(services, new)
    body = {"new_email": new, "code": digits}
    moved = at_once(lambda _: door.post(f"{V1}/auth/change-email/", json=body, headers=person.headers).status_code, 15)
    assert Counter(moved) == {200: 1, 400: 14}


def test_one_erasure_is_begun_with_an_identity_code(door: httpx.Client, services: Services, person: Person) -> None:
    code = identity_code(door, services, person)

    def erase(_: int) -> int:
        return door.request("DELETE", f"{V1}/auth/account/", json={"identity_code": code}, headers=person.headers).status_code

    # Who comes while it is being done waits for its end, and then hears the same.
    found = Counter(at_once(erase, 15))
    assert found[204] >= 1
    assert set(found) <= {204, 400, 401}
    with services.thread_pool.connection() as connection:
        sql = "SELECT count(*) FROM log.events WHERE stream = %s AND type = 'AccountErasureRequested'"
        assert connection.execute(sql, (f"account-{person.account_id}",)).fetchone() == (1,)


def test_one_of_many_rotations_of_a_key_stays(door: httpx.Client, person: Person) -> None:
    keys = at_once(lambda _: door.post(f"{V1}/auth/rotate-api-key/", headers=person.headers).json()["api_key"])
    assert len(set(keys)) == TRIES
    good = [key for key in keys if door.get(f"{V1}/settings/", headers={"Authorization": f"Bearer {key}"}).status_code == 200]
    assert len(good) == 1


def test_one_key_is_made_by_a_repeated_rotation(door: httpx.Client, person: Person) -> None:
    headers = {**person.headers, "Idempotency-Key": "rotate"}
    [key] = set(at_once(lambda _: door.post(f"{V1}/auth/rotate-api-key/", headers=headers).json()["api_key"]))
    assert door.get(f"{V1}/settings/", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_one_of_many_rotations_of_a_calendar_address_stays(door: httpx.Client, person: Person) -> None:
    made = door.post(f"{V1}/calendar-addresses/", json={}, headers=person.headers).json()
    path = f"{V1}/calendar-addresses/{made['id']}/rotate/"
    urls = at_once(lambda _: door.post(path, headers=person.headers).json()["url"])
    assert len(set(urls)) == TRIES
    statuses = Counter(door.get(url).status_code for url in [made["url"], *urls])
    assert statuses == {200: 1, 404: TRIES}


def test_one_of_many_undoings_takes_a_change_back(door: httpx.Client, person: Person) -> None:
    note = door.post(f"{V1}/notes/", json={"title": "before", "content": "text"}, headers=person.headers).json()["id"]
    door.patch(f"{V1}/notes/{note}/", json={"title": "after"}, headers=person.headers)
    change = door.get(f"{V1}/changes/?limit=1", headers=person.headers).json()["results"][0]["id"]
    found = Counter(at_once(lambda _: door.post(f"{V1}/undo/", json={"change": change}, headers=person.headers).status_code))
    assert found == {200: 1, 409: TRIES - 1}
    assert door.get(f"{V1}/notes/{note}/", headers=person.headers).json()["title"] == "before"


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [("note", "notes/", {"title": "a"}), ("course", "courses/", {"title": "a"}),
     ("event", "planner-events/", {"title": "a", "event_date": "2031-05-06"}), ("calendar", "calendar-feeds/", {"title": "a"})],
)  # fmt: skip
def test_one_of_many_restores_takes_a_thing_out_of_the_bin(door: httpx.Client, person: Person, kind: str, path: str, body: Any) -> None:
    made = door.post(f"{V1}/{path}", json=body, headers=person.headers).json()["id"]
    deleted = Counter(at_once(lambda _: door.delete(f"{V1}/{path}{made}/", headers=person.headers).status_code))
    assert deleted == {204: 1, 404: TRIES - 1}
    restored = at_once(lambda _: door.post(f"{V1}/recycle-bin/{kind}/{made}/restore/", headers=person.headers).status_code)
    assert Counter(restored) == {200: 1, 404: TRIES - 1}


def test_one_upload_is_made_by_many_with_one_key(door: httpx.Client, services: Services, person: Person) -> None:
    note = door.post(f"{V1}/notes/", json={"title": "a"}, headers=person.headers).json()["id"]
    headers = {**person.headers, "Idempotency-Key": "upload"}

    def upload(_: int) -> tuple[int, str]:
        answer = door.post(f"{V1}/notes/{note}/attachments/", files={"file": ("a.txt", b"text")}, headers=headers)
        return answer.status_code, answer.text

    [(status, _)] = set(at_once(upload))
    assert status == 201
    assert len(door.get(f"{V1}/notes/{note}/attachments/", headers=person.headers).json()) == 1
    files = [path for path in (Path(services.settings.data_dir) / "media").rglob("a*.txt") if f"note_{note}" in str(path)]
    assert len(files) == 1


def test_one_of_many_uses_of_a_confirmation_acts(door: httpx.Client, services: Services) -> None:
    keeper = make_keeper(door, services)
    keeper.call("delete_note", note_id=keeper.call("create_note", title="Doomed")["id"])
    empty = {"name": "empty_recycle_bin", "arguments": {}}
    agreed = {"confirm": {"action": "accept", "content": {"ok": True}}}
    asked = modern(keeper, "tools/call", {**empty, "inputResponses": agreed}, "empty_recycle_bin").json()["result"]
    sent = {**empty, "inputResponses": agreed, "requestState": asked["requestState"]}
    answers = at_once(lambda _: modern(keeper, "tools/call", sent, "empty_recycle_bin").json()["result"])
    acted = [answer for answer in answers if not answer.get("isError")]
    assert [answer["structuredContent"] for answer in acted] == [{"deleted_count": 1}]
    assert all("used before" in answer["content"][0]["text"] for answer in answers if answer.get("isError"))
