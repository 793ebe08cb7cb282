"""Who may do what with whose notes (contract: notes 14), with ids in path, query and body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Write = Callable[..., dict[str, Any]]

# Who is let in is told that no file came, or that there is none of this number.
FILES: list[tuple[str, str, Any, tuple[int, int, int, int]]] = [
    ("GET", "notes/{id}/attachments/", None, (401, 200, 400, 200)),
    ("POST", "notes/{id}/attachments/", {}, (401, 403, 400, 400)),
    ("GET", "notes/{id}/attachments/1/", None, (401, 404, 400, 404)),
    ("DELETE", "notes/{id}/attachments/1/", None, (401, 403, 400, 404)),
]
# method, path, body, and the statuses: anonymous, other user on a public note, other user on a private one, author.
TABLE: list[tuple[str, str, Any, tuple[int, int, int, int]]] = [
    ("GET", "notes/{id}/", None, (200, 200, 400, 200)),
    ("GET", "notes/uuid/{uuid}/", None, (200, 200, 400, 200)),
    ("GET", "notes/{id}/?as_of=1", None, (403, 403, 400, 200)),
    ("GET", "notes/{id}/blocks/", None, (200, 200, 400, 200)),
    ("GET", "blocks/{block}/", None, (200, 200, 400, 200)),
    ("PATCH", "notes/{id}/", {"title": "x"}, (401, 403, 400, 200)),
    ("PATCH", "notes/uuid/{uuid}/", {"title": "x"}, (401, 403, 400, 200)),
    ("POST", "notes/{id}/blocks/", {"block_type": "N"}, (401, 403, 400, 201)),
    ("POST", "notes/{id}/reorder/", {"ordered_block_ids": "{blocks}"}, (401, 403, 400, 200)),
    ("PATCH", "blocks/{block}/", {"text": "x"}, (401, 403, 403, 200)),
    ("DELETE", "blocks/{block}/", None, (401, 403, 403, 204)),
    ("GET", "notes/{id}/history/", None, (401, 403, 400, 200)),
    ("GET", "notes/{id}/history/1/", None, (401, 403, 400, 200)),
    ("GET", "notes/{id}/history/1/diff/1/", None, (401, 403, 400, 200)),
    ("POST", "notes/{id}/snapshot/", {}, (401, 403, 400, 201)),
    ("POST", "notes/{id}/restore/1/", {}, (401, 403, 400, 200)),
    ("POST", "notes/{id}/restore/", {}, (401, 404, 404, 404)),
    *FILES,
    *((method, path.replace("{id}", "uuid/{uuid}"), body, statuses) for method, path, body, statuses in FILES),
    ("POST", "notes/{id}/cover/", {}, (401, 403, 400, 400)),
    ("DELETE", "notes/{id}/cover/", None, (401, 403, 400, 200)),
    ("DELETE", "notes/{id}/", None, (401, 403, 400, 204)),
    ("DELETE", "notes/uuid/{uuid}/", None, (401, 403, 400, 204)),
]
UNREADABLE = ["You do not have access to this note."]


@pytest.mark.parametrize(("method", "path", "body", "statuses"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
def test_table(
    server: httpx.Client, mira: httpx.Client, ravi: httpx.Client, write: Write, method: str, path: str, body: Any, statuses: tuple[int, ...]
) -> None:
    public, private = write("Public", content="a\n\nb", is_public=True), write("Private words", content="c\n\nd")

    def call(client: httpx.Client, note: dict[str, Any]) -> httpx.Response:
        ids = [block["id"] for block in note["blocks"]]
        place = path.format(id=note["id"], uuid=note["uuid"], block=ids[1])
        sent = {"ordered_block_ids": ids} if isinstance(body, dict) and "ordered_block_ids" in body else body
        return client.request(method, place, json=sent)

    answers = [call(server, public), call(ravi, public), call(ravi, private)]
    untouched = [mira.get(f"notes/{note['id']}/").json() for note in (public, private)]
    answers.append(call(mira, private))
    assert tuple(answer.status_code for answer in answers) == statuses
    for before, after in zip((public, private), untouched, strict=True):
        assert {**after, "outcome": before["outcome"]} == before
    hidden = answers[2]
    assert "Private words" not in hidden.text
    if hidden.status_code == 400:
        assert hidden.json() == UNREADABLE
    if statuses[0] == 200:
        assert (call(server, private).status_code, call(server, private).json()) == (400, UNREADABLE)
    if statuses[0] == 401:
        assert answers[0].json() == {"detail": "Authentication credentials were not provided."}
        assert answers[0].headers["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize(
    ("method", "path", "body", "text"),
    [
        ("PATCH", "", {}, "update this note"),
        ("DELETE", "", None, "delete this note"),
        ("POST", "blocks/", {"block_type": "N"}, "add blocks"),
        ("POST", "reorder/", {"ordered_block_ids": [1]}, "reorder blocks"),
        ("GET", "history/", None, "view note history"),
        ("POST", "snapshot/", {}, "snapshot this note"),
        ("POST", "restore/1/", {}, "restore this note"),
    ],
)
def test_refusals_say_what_only_the_owner_can_do(ravi: httpx.Client, write: Write, method: str, path: str, body: Any, text: str) -> None:
    note = write(is_public=True)
    answer = ravi.request(method, f"notes/{note['id']}/{path}", json=body)
    assert answer.json() == {"detail": f"Only the owner can {text}."}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "notes/{id}/", {"title": []}),
        ("PATCH", "notes/uuid/{uuid}/", {"is_public": "maybe"}),
        ("POST", "notes/{id}/blocks/", {}),
        ("POST", "notes/{id}/reorder/", {"ordered_block_ids": "x"}),
        ("PATCH", "blocks/{block}/", {"block_type": "x"}),
        ("POST", "notes/{id}/snapshot/", {"reason": []}),
        ("GET", "notes/{id}/history/?limit=x", None),
    ],
)
def test_whose_a_note_is_comes_before_what_is_wrong_with_a_request(
    mira: httpx.Client, ravi: httpx.Client, write: Write, method: str, path: str, body: Any
) -> None:
    public, private = write(is_public=True), write()
    unknown = {"id": 2**52, "uuid": "0c1f6a54-5f0e-4a9b-9b0e-3d1c8f2a7e11", "blocks": [{"id": 5}]}

    def status(client: httpx.Client, note: dict[str, Any]) -> int:
        place = path.format(id=note["id"], uuid=note["uuid"], block=note["blocks"][0]["id"])
        return client.request(method, place, json=body).status_code

    assert [status(ravi, note) for note in (public, unknown)] == [403, 404]
    assert status(ravi, private) == (403 if path.startswith("blocks") else 400)
    assert status(mira, public) == 400


def test_foreign_ids_in_bodies_and_queries_open_nothing(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    private = write("Private words", content="c")
    course = mira.post("courses/", json={"title": "Mine"}).json()["id"]
    mira.patch(f"notes/{private['id']}/", json={"course_id": course})
    own = ravi.post(
        "notes/",
        json={
            "title": "x",
            "course_id": course,
            "source_note_uuid": private["uuid"],
            "metadata_json": f'{{"offline_source_note_id":{private["id"]},"pulled_from_cloud_note_id":{private["id"]}}}',
        },
    ).json()
    assert (own["course_id"] != course, own["source_note_uuid"], own["offline_source_note_id"]) == (True, None, None)
    assert ravi.get("notes/", params={"limit": 50, "course_id": course, "scope": "all"}).json()["results"] == []
    version = mira.post(f"notes/{private['id']}/snapshot/", json={}).json()["id"]
    assert ravi.post(f"notes/{own['id']}/restore/{version}/", json={}).status_code == 404
    assert ravi.get(f"notes/{own['id']}/", params={"as_of": str(version)}).status_code == 404
    assert ravi.get(f"notes/{own['id']}/history/", params={"before": version}).json() == []
    order = {"ordered_block_ids": [private["blocks"][0]["id"]]}
    assert ravi.post(f"notes/{own['id']}/reorder/", json=order).status_code == 400


def test_api_key_and_session_see_the_same(mira: httpx.Client, write: Write) -> None:
    note = write(content="text")
    key = mira.post("auth/rotate-api-key/").json()["api_key"]
    with httpx.Client(base_url=mira.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as assistant:
        assert assistant.get(f"notes/{note['id']}/").json() == mira.get(f"notes/{note['id']}/").json()
        assistant.patch(f"notes/{note['id']}/", json={"title": "By key"})
    assert mira.get("changes/", params={"limit": 1}).json()["results"][0]["channel"] == "api_key"
