"""Published events stay readable for ever, and the page about them is up to date."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventstore.codec import decode
from eventstore.events import EVENT_TYPES, Event
from eventstore.events.base import payload_fields
from tests.golden.describing import describe_events, published_types
from tests.golden.publish import FOLDER, HOW, PAGE, incompatible, path_of, read

FILES = sorted(FOLDER.glob("*/*.json"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("cls", published_types(), ids=lambda cls: cls.__name__)
def test_type_has_a_sample_of_its_present_version(cls: type[Event]) -> None:
    path = path_of(cls)
    assert path.exists(), f"{cls.__name__} is new. {HOW}"
    published = read(path)["versions"]
    problems = incompatible(cls, published)
    assert not problems, "\n".join(problems)
    assert str(cls.class_version) in published, f"{cls.__name__} has a new version. {HOW}"
    assert published[str(cls.class_version)]["fields"] == payload_fields(cls), f"{cls.__name__} has new fields. {HOW}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_stored_sample_still_decodes(path: Path) -> None:
    golden = read(path)
    assert golden["type"] in EVENT_TYPES, f"{path.stem} was published: the log may hold it, so its class has to stay"
    cls = EVENT_TYPES[golden["type"]]
    assert path == path_of(cls), f"{path} belongs to another area now: move the file to {path_of(cls)}"
    for version in golden["versions"].values():
        event = decode(golden["type"], "sample-1", 1, json.dumps(version["sample"]).encode(), NOW)
        assert type(event) is cls
        for field in payload_fields(cls):
            getattr(event, field)
        assert set(vars(event)) - {"originator_id", "originator_version", "timestamp"} <= set(payload_fields(cls))


def test_page_about_events_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == describe_events(), f"docs/events.md is stale. {HOW}"


@pytest.mark.parametrize(
    ("before", "problem"),
    [
        ({"title": "str", "gone": "int"}, "gone was published and is gone"),
        ({"title": "int"}, "was published as int and is str now"),
        ({}, "title is missing in stored events"),
        ({"title": "str = ''"}, "keep its default"),
    ],
)
def test_changed_shape_without_upcaster_is_found(before: dict[str, str], problem: str) -> None:
    cls: Any = EVENT_TYPES["NoteRenamed"]
    (found,) = incompatible(cls, {"1": {"fields": before}})
    assert problem in found


def test_upcaster_bridges_a_changed_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    cls: Any = EVENT_TYPES["NoteRenamed"]
    monkeypatch.setattr(cls, "class_version", 2)
    published = {"1": {"fields": {"name": "str"}}}
    (missing,) = incompatible(cls, published)
    assert "upcast_v1_v2" in missing
    monkeypatch.setattr(cls, "upcast_v1_v2", staticmethod(lambda state: state.update(title=state.pop("name"))), raising=False)
    assert incompatible(cls, published) == []
    assert decode("NoteRenamed", "note-1", 1, b'{"name": "old"}', NOW).title == "old"  # type: ignore[attr-defined]
    assert decode("NoteRenamed", "note-1", 1, b'{"title": "new", "class_version": 2}', NOW).title == "new"  # type: ignore[attr-defined]
