"""Whatever is sent to the routes of notes: the client is told what is wrong, and the server does not fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Write = Callable[..., dict[str, Any]]

TEXTS = ["", " ", "\0", "a\0b", "x" * 5000]
NUMBERS = [-1, 0, 2**53, 2**63 - 1, 2**63, 10**40, 1.5, 1e300]
VALUES: list[Any] = [*TEXTS, *NUMBERS, True, None, [], {}, [[[]]], {"a": {"b": []}}]
TIMES = ["0001-01-01", "9999-12-31T23:59:59-14:00"]
SHORT_FIELDS = ["title", "description", "module", "is_public", "course_id", "editor_mode", "client_draft_id", "note_type"]
FIELDS = [*SHORT_FIELDS, "content", "markdown", "metadata_json", "custom_meta", "blocks", "source_note_uuid", "base_version"]


@pytest.mark.parametrize("field", FIELDS)
def test_fields_of_notes(mira: httpx.Client, write: Write, field: str) -> None:
    note = write(content="kept")
    for value in VALUES:
        for answer in (
            mira.post("notes/", json={"title": "t", field: value}),
            mira.patch(f"notes/{note['id']}/", json={field: value}),
        ):
            assert answer.status_code in {200, 201, 400}, (value, answer.text)
            if answer.status_code == 400:
                assert answer.json().keys() == {field}
    assert mira.get(f"notes/{note['id']}/").status_code == 200


def test_metadata_of_any_shape_is_kept(mira: httpx.Client, write: Write) -> None:
    for value in [*VALUES, *TIMES]:
        names = ("source_note_last_edit", "pulled_from_cloud_note_id", "offline_source_note_id")
        members = dict.fromkeys(names, value)
        text = json.dumps(members)
        note = write(metadata_json=text)
        answer = mira.patch(f"notes/{note['id']}/", json={"metadata_json": text.replace("{", '{"more": 1, ', 1), "content": "x"})
        assert answer.status_code == 200, answer.text
    for text in ("[" * 100_000, '{"a":' * 5000, "1e999", '{"a": 1e999}', '{"a": 123456789012345678901234567890}'):
        assert write(metadata_json=text)["metadata_json"]


@pytest.mark.parametrize("value", ["", "-1", "0", "x", "1.5", "9" * 17, str(2**63 - 1), str(2**63), "9" * 60, "%00", "%ff", "\U0001f600"])
def test_numbers_in_paths_and_queries(mira: httpx.Client, write: Write, value: str) -> None:
    note = write(content="a")
    path = f"notes/{note['id']}/"
    for name in ("limit", "offset", "course_id", "scope", "sort", "window"):
        answer = mira.get(f"notes/?scope=all&{name}={value}&limit=5" if name != "limit" else f"notes/?limit={value}")
        assert answer.status_code in {200, 400}, answer.text
    for url in (
        f"{path}?as_of={value}",
        f"{path}history/?before={value}",
        f"{path}history/?limit={value}&include={value}",
        f"{path}history/{value or 0}/",
        f"{path}history/1/diff/{value or 0}/",
        f"changes/?before={value}",
        f"changes/?limit={value}",
        f"notes/{value or 0}/",
        f"notes/{value or 0}/blocks/",
        f"blocks/{value or 0}/",
    ):
        assert mira.get(url).status_code in {200, 400, 404}, url
    for url, body in (
        (f"{path}restore/{value or 0}/", {}),
        (f"notes/{value or 0}/restore/", {}),
        ("undo/", {"change": value}),
        (f"{path}reorder/", {"ordered_block_ids": [value]}),
    ):
        assert mira.post(url, json=body).status_code in {200, 400, 404, 409}, url


@pytest.mark.parametrize(
    "typed", ["mem\0branes", "\0", "%", "_", "\\", "' OR 1=1 --", "mem branes " * 5000, "\U0001f600", "\u202e", "a" * 9000]
)
def test_anything_can_be_searched(mira: httpx.Client, write: Write, typed: str) -> None:
    write("membranes of branes")
    assert mira.get("notes/", params={"q": typed}).status_code == 200
    assert mira.get("notes/", params={"q": typed, "limit": 5, "scope": "all"}).status_code == 200


@pytest.mark.parametrize("tag", ["", "*", '"', '""', "W/", ",,,", "x" * 5000, '"1", "2"', "\xff"])
def test_preconditions(mira: httpx.Client, write: Write, tag: str) -> None:
    note = write()
    answer = mira.patch(f"notes/{note['id']}/", json={"content": "x"}, headers={b"If-Match": tag.encode("latin-1")})
    assert answer.status_code in {200, 412}


def test_long_notes_can_be_saved_read_and_compared(mira: httpx.Client, write: Write) -> None:
    text = "# Long\n\n" + "> quote\n- item `code`\n\n" * 200_000
    note = write(content=text)
    assert note["content"] == text
    changed = mira.patch(f"notes/{note['id']}/", json={"content": text + "more", "base_version": note["version"]})
    assert changed.status_code == 200
    found = mira.get(f"notes/{note['id']}/history/1/diff/{changed.json()['version']}/")
    assert found.status_code == 200
    assert found.json()["words"][-1]["text"].endswith("more")
    assert mira.get("notes/", params={"q": "item more"}).status_code == 200
