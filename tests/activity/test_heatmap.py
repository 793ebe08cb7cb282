"""The heat map's formulas (contract: planner_platform 7) and the list of recent notes (6)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from projections.activity.heatmap import HEATMAP
from projections.activity.local_times import first_instant
from tests.accounts.people import Person
from tests.activity.conftest import WriteNote
from wiring import Services


def cells(client: httpx.Client) -> dict[str, dict[str, Any]]:
    answer = client.get("/heatmap/")
    assert answer.status_code == 200
    return {cell["date"]: cell for cell in answer.json()["cells"]}


def on(days: int) -> date:
    return datetime.now(UTC).date() + timedelta(days=days)


def at(days: int) -> datetime:
    return datetime.combine(on(days), datetime.min.time(), UTC) + timedelta(hours=1)


def test_every_day_is_there_once(client: httpx.Client) -> None:
    payload = client.get("/heatmap/").json()
    assert [cell["date"] for cell in payload["cells"]] == [on(days).isoformat() for days in range(-182, 183)]
    assert [cell["kind"] for cell in payload["cells"]] == ["past"] * 182 + ["today"] + ["future"] * 182
    assert [cell["is_today"] for cell in payload["cells"]].count(True) == 1
    assert {key: value for key, value in payload.items() if key != "cells"} == {
        "today": on(0).isoformat(), "start_date": on(-182).isoformat(), "end_date": on(182).isoformat(),
        "days_before": 182, "days_after": 182, "max_past_value": 0, "max_future_value": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], 0), ([0], 0), ([1], 1), ([20], 1), ([99], 1), ([100], 1), ([200], 2), ([320], 3), ([20, 20], 2), ([5000], 4), ([1] * 5, 4)],
)
def test_past_value(client: httpx.Client, write_note: WriteNote, words: list[int], expected: int) -> None:
    for count in words:
        write_note(count, at(-3))
    cell = cells(client)[on(-3).isoformat()]
    assert (cell["past_value"], cell["intensity"], cell["future_value"]) == (expected, expected, 0)
    assert client.get("/heatmap/").json()["max_past_value"] == expected


def test_days_are_those_of_the_chosen_zone(client: httpx.Client, write_note: WriteNote) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=10)
    for at, words in ((noon.replace(hour=10, minute=59), 100), (noon.replace(hour=11), 200), (noon.replace(hour=23, minute=59), 320)):
        write_note(words, at)
    before, day, after = ((noon.date() + timedelta(days=more)).isoformat() for more in (-1, 0, 1))
    assert [cells(client)[each]["past_value"] for each in (before, day, after)] == [0, 3, 0]
    assert client.patch("/planner-settings/", json={"time_zone": "Etc/GMT-13"}).status_code == 200
    assert [cells(client)[each]["past_value"] for each in (before, day, after)] == [0, 1, 3]


def test_a_note_counts_as_soon_as_it_is_written(client: httpx.Client, write_note: WriteNote) -> None:
    write_note(320)
    assert cells(client)[on(0).isoformat()]["past_value"] == 3


def test_future_value_is_the_weight_of_plans(client: httpx.Client) -> None:
    for day, weight in ((on(0), 2), (on(5), 3), (on(5), 4), (on(-1), 9), (on(183), 8)):
        client.post(
            "/planner-events/", json={"title": "Plan", "event_date": day.isoformat(), "difficulty_weight": weight, "is_completed": True}
        )
    found = cells(client)
    assert (found[on(5).isoformat()]["future_value"], found[on(5).isoformat()]["intensity"]) == (7, 4)
    assert (found[on(0).isoformat()]["future_value"], found[on(0).isoformat()]["intensity"]) == (2, 0)
    assert found[on(-1).isoformat()]["future_value"] == 0
    assert client.get("/heatmap/").json()["max_future_value"] == 7


def unwritten(listed: list[dict[str, Any]], written: list[int]) -> int:
    """Notes that the account began with."""
    return sum(note["id"] not in written for note in listed)


def test_recent_notes_are_the_ten_newest(client: httpx.Client, door: httpx.Client, write_note: WriteNote) -> None:
    written = [write_note(at=at(-number)) for number in range(12)]
    listed = client.get("/activity/").json()
    assert len(listed) == 10
    assert [note["id"] for note in listed if note["id"] in written] == written[: 10 - unwritten(listed, written)]
    assert {"id", "uuid", "title", "excerpt", "preview_lines", "course", "author", "last_edit"} <= set(listed[0])
    assert door.get("/api/v1/activity/").json() == []


def test_a_midnight_that_happens_twice_belongs_to_its_day(
    client: httpx.Client, services: Services, person: Person, write_note: WriteNote
) -> None:
    client.patch("/planner-settings/", json={"time_zone": "Atlantic/Azores"})
    for at in ("2026-10-24T23:59:00+00:00", "2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00"):
        write_note(20, datetime.fromisoformat(at))
    with services.thread_pool.connection() as connection:
        later = HEATMAP.replace("now()", "timestamptz '2026-11-20T12:00:00Z'")
        row = connection.execute(later.encode(), {"viewer": person.account_id}).fetchone()
    assert row is not None
    assert {cell["date"]: cell["past_value"] for cell in json.loads(row[0])["cells"] if cell["past_value"]} == {
        "2026-10-24": 1, "2026-10-25": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "Atlantic/Azores", "America/Havana", "America/Nuuk", "America/St_Johns", "Australia/Lord_Howe"]
)
def test_local_times_are_the_instants_that_python_takes_for_them(services: Services, zone: str) -> None:
    times = [datetime(2026, 3, 1) + timedelta(minutes=10 * count) for count in range(6 * 24 * 270)]  # noqa: DTZ001 - on the wall
    query = f"SELECT at, {first_instant('at', '%(zone)s')} FROM unnest(%(times)s::timestamp[]) AS at"
    with services.thread_pool.connection() as connection:
        rows = connection.execute(query.encode(), {"zone": zone, "times": times}).fetchall()
    assert [instant for _, instant in rows] == [at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for at, _ in rows]
