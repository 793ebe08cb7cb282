"""What apps keep about a note in `metadata_json` (contract: clients 6.4, decisions 20)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Write = Callable[..., dict[str, Any]]


def test_autosave_of_an_unmodified_client_keeps_description_course_and_visibility(mira: httpx.Client, write: Write) -> None:
    for metadata in ("", '{"section": "", "autosave": false}'):
        note = write(description="Lecture one", content="# T\n\na", is_public=True, metadata_json=metadata)
        kept = json.loads(note["metadata_json"])
        save = {
            "title": note["title"],
            "description": kept.get("description", ""),
            "course_id": kept.get("course_id"),
            "is_public": kept.get("is_public") is True,
            "content": "# T\n\na b",
            "metadata_json": note["metadata_json"],
            "editor_mode": "P",
        }
        saved = mira.patch(f"notes/{note['id']}/", json=save).json()
        for field in ("description", "course_id", "is_public", "metadata_json"):
            assert saved[field] == note[field]
        assert saved["content"] == "# T\n\na b"


def test_metadata_that_is_no_object_comes_back_as_it_was(write: Write) -> None:
    for text in ("{broken", "[1]", "words"):
        assert write(metadata_json=text)["metadata_json"] == text


def test_numbers_in_metadata_stay_as_they_are(write: Write) -> None:
    note = write(metadata_json='{"big":123456789012345678901234567890,"small":1.5}')
    assert note["metadata_json"].startswith('{"big":123456789012345678901234567890,"small":1.5,')


@pytest.mark.parametrize(
    "text",
    [
        '{"x":0.12345678901234567890}',
        '{"x":12345678.123456789012}',
        '{"x":1e400,"big":12345678901234567}',
        '{"x":1e-400}',
        '{"x":1e-99999999999999999999}',
        '{"x":NaN,"big":12345678901234567}',
    ],
)
def test_metadata_that_would_come_out_as_another_value_stays_as_it_was(mira: httpx.Client, write: Write, text: str) -> None:
    note = write(metadata_json=text)
    assert note["metadata_json"] == text
    assert mira.patch(f"notes/{note['id']}/", json={"metadata_json": text, "content": "x"}).json()["metadata_json"] == text


@pytest.mark.parametrize("with_base", [False, True])
def test_metadata_tells_numbers_from_truth_values(mira: httpx.Client, write: Write, with_base: bool) -> None:
    note = write(metadata_json='{"pinned":1,"zoom":1,"off":[0]}')
    base = {}
    if with_base:
        base = {"base_version": note["version"]}
        mira.patch(f"notes/{note['id']}/", json={"metadata_json": '{"pinned":1,"zoom":1,"off":[0],"color":2}'})
    text = '{"pinned":true,"zoom":1.0,"off":[false]}'
    assert mira.patch(f"notes/{note['id']}/", json={"metadata_json": text, **base}).status_code == 200
    kept = mira.get(f"notes/{note['id']}/").json()["metadata_json"]
    for said in ('"pinned":true', '"zoom":1.0', '"off":[false]', *(['"color":2'] if with_base else [])):
        assert said in kept
