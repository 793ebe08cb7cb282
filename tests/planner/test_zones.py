"""Plans by the wall clock of a chosen time zone (contract: planner_platform 2)."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventstore import moments
from projections.catalog import ALL_PROJECTIONS
from projections.rebuild import rebuild
from tests.planner.plans import change, create, window
from wiring import Services

BY_ZONE = [projection for projection in ALL_PROJECTIONS if projection.name in ("planner", "note_sessions")]


def test_wall_clock_times_follow_the_chosen_zone(planner: httpx.Client) -> None:
    before = create(planner, starts_at="2031-07-06T01:00:00")
    assert planner.get("/planner-settings/").json() == {"time_zone": None}
    answer = planner.patch("/planner-settings/", json={"time_zone": "Europe/Berlin"})
    assert (answer.status_code, answer.json()) == (200, {"time_zone": "Europe/Berlin"})
    summer = create(planner, starts_at="2031-07-06T01:00:00")
    assert window(summer) == ("2031-07-06", "2031-07-05T23:00:00+00:00", "2031-07-06T00:00:00+00:00")
    assert window(create(planner, event_date="2031-01-06")) == (
        "2031-01-06", "2031-01-06T11:00:00+00:00", "2031-01-06T12:00:00+00:00",
    )  # fmt: skip
    given = create(planner, starts_at="2031-07-06T01:00:00Z")
    assert given["starts_at"] == "2031-07-06T01:00:00+00:00"
    winter = change(planner, summer, event_date="2031-12-06")
    assert window(winter) == ("2031-12-06", "2031-12-06T00:00:00+00:00", "2031-12-06T01:00:00+00:00")
    assert window(planner.get(f"/planner-events/{before['id']}/").json())[1] == "2031-07-06T01:00:00+00:00"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"starts_at": "2031-03-30T02:30:00", "ends_at": "2031-03-30T03:30:00"}, ("01:30", "02:30")),
        ({"starts_at": "2031-03-30T02:30:00"}, ("01:30", "02:30")),
        ({"starts_at": "2031-03-30T02:00:00", "ends_at": "2031-03-30T03:00:00"}, ("01:00", "02:00")),
        ({"starts_at": "2031-03-30T01:30:00"}, ("00:30", "01:30")),
        ({"starts_at": "2031-10-26T02:30:00"}, ("00:30", "01:30")),
        ({"starts_at": "2031-10-26T01:30:00"}, ("23:30", "00:30")),
    ],
)
def test_an_hour_is_an_hour_when_the_clocks_change(planner: httpx.Client, fields: dict[str, Any], expected: tuple[str, str]) -> None:
    planner.patch("/planner-settings/", json={"time_zone": "Europe/Berlin"})
    made = create(planner, **fields)
    assert (made["starts_at"][11:16], made["ends_at"][11:16]) == expected


def test_a_plan_keeps_its_length_through_the_hour_that_is_skipped(planner: httpx.Client) -> None:
    planner.patch("/planner-settings/", json={"time_zone": "Europe/Berlin"})
    made = create(planner, starts_at="2031-03-29T02:30:00", ends_at="2031-03-29T03:30:00")
    skipped = ("2031-03-30", "2031-03-30T01:30:00+00:00", "2031-03-30T02:30:00+00:00")
    assert window(change(planner, made, event_date="2031-03-30")) == skipped
    assert window(change(planner, made, starts_at="2031-03-30T02:30:00")) == skipped
    moved = change(planner, made, starts_at="2031-03-31T09:00:00")
    assert window(moved) == ("2031-03-31", "2031-03-31T07:00:00+00:00", "2031-03-31T08:00:00+00:00")


@pytest.mark.parametrize(
    ("zone", "made", "moves"),
    [
        (
            "America/Nuuk",
            {"starts_at": "2031-03-29T23:30:00"},
            [("2031-03-30", "2031-03-30T01:30:00+00:00"), ("2031-04-07", "2031-04-07T01:30:00+00:00")],
        ),
        (
            "Europe/Berlin",
            {"starts_at": "2031-03-29T02:30:00", "ends_at": "2031-03-29T03:15:00"},
            [
                ("2031-03-29", "2031-03-29T01:30:00+00:00"),
                ("2031-03-30", "2031-03-30T01:30:00+00:00"),
                ("2031-03-31", "2031-03-31T01:30:00+00:00"),
            ],
        ),
        (
            "Europe/Berlin",
            {"starts_at": "2031-03-29T01:30:00Z", "ends_at": "2031-03-29T02:15:00Z"},
            [
                ("2031-03-29", "2031-03-29T01:30:00+00:00"),
                ("2031-03-30", "2031-03-30T01:30:00+00:00"),
                ("2031-03-31", "2031-03-31T01:30:00+00:00"),
            ],
        ),
        (
            "Europe/Berlin",
            {"starts_at": "2031-03-30T01:30:00", "ends_at": "2031-03-30T02:30:00"},
            [("2031-03-30", "2031-03-30T00:30:00+00:00"), ("2031-03-31", "2031-03-30T23:30:00+00:00")],
        ),
        (
            "America/New_York",
            {"starts_at": "2027-03-14T02:30:00"},
            [("2027-03-14", "2027-03-14T07:30:00+00:00"), ("2028-02-29", "2028-02-29T08:30:00+00:00")],
        ),
    ],
)
def test_skipped_times_keep_day_and_length_on_their_way(
    planner: httpx.Client, zone: str, made: dict[str, Any], moves: list[tuple[str, str]]
) -> None:
    planner.patch("/planner-settings/", json={"time_zone": zone})
    event = create(planner, **made)
    length = datetime.fromisoformat(event["ends_at"]) - datetime.fromisoformat(event["starts_at"])
    for day, start in moves:
        event = change(planner, event, event_date=day)
        assert window(event)[:2] == (day, start)
        assert datetime.fromisoformat(event["ends_at"]) - datetime.fromisoformat(event["starts_at"]) == length


@pytest.mark.parametrize("offset", ["", "+01:00"])
def test_a_plan_keeps_its_length_through_the_hour_that_happens_twice(planner: httpx.Client, offset: str) -> None:
    planner.patch("/planner-settings/", json={"time_zone": "Europe/Berlin"})
    times = ("2031-10-25T02:30:00", "2031-10-25T03:30:00") if not offset else ("2031-10-25T01:30:00+01:00", "2031-10-25T02:30:00+01:00")
    made = create(planner, starts_at=times[0], ends_at=times[1])
    for day, start, end in (
        ("2031-10-26", "2031-10-26T00:30", "2031-10-26T01:30"),
        ("2031-10-27", "2031-10-27T01:30", "2031-10-27T02:30"),
        ("2031-10-26", "2031-10-26T00:30", "2031-10-26T01:30"),
        ("2031-10-25", "2031-10-25T00:30", "2031-10-25T01:30"),
    ):
        assert window(change(planner, made, event_date=day)) == (day, f"{start}:00+00:00", f"{end}:00+00:00")


def test_whole_days_move_both_ends_by_the_clock(planner: httpx.Client) -> None:
    planner.patch("/planner-settings/", json={"time_zone": "Europe/Berlin"})
    night = create(planner, starts_at="2031-03-29T22:00:00", ends_at="2031-03-30T06:00:00")
    assert window(change(planner, night, event_date="2031-04-01"))[2] == "2031-04-02T04:00:00+00:00"


@pytest.mark.parametrize("zone", ["Europe/Berlin", None])
def test_the_shown_times_sent_back_are_no_move(planner: httpx.Client, zone: str | None) -> None:
    planner.patch("/planner-settings/", json={"time_zone": zone})
    made = create(planner, starts_at="2031-05-06T14:00:00")
    shown = {name: made[name] for name in ("starts_at", "ends_at", "event_date")}
    assert change(planner, made, **shown)["last_edit"] == made["last_edit"]
    # The wall-clock time is still what counts: it keeps the hour in winter.
    assert window(change(planner, made, event_date="2031-12-06"))[1][11:16] == ("13:00" if zone else "14:00")


@pytest.fixture
def other_rules(tmp_path: Path, services: Services) -> Iterator[Path]:
    """A folder of zone data that counts before the machine's; planner and sessions are rebuilt by the true ones in the end."""
    try:
        yield tmp_path
    finally:
        follow_rules()
        rebuild(services.settings.conninfo(), BY_ZONE)


def follow_rules(*folders: Path) -> None:
    """Zone data of these folders, else the usual ones."""
    zoneinfo.reset_tzpath([str(folder) for folder in folders] or None)
    zoneinfo.ZoneInfo.clear_cache()
    moments.known_zone.cache_clear()


def test_instants_follow_when_the_rules_of_a_zone_change(planner: httpx.Client, services: Services, other_rules: Path) -> None:
    planner.patch("/planner-settings/", json={"time_zone": "Europe/Berlin"})
    wall_clock = create(planner, starts_at="2031-07-06T01:00:00")
    instant = create(planner, starts_at="2031-07-06T01:00:00Z")
    with services.thread_pool.connection() as connection:
        rows = connection.execute(
            "SELECT convert_from(data, 'UTF8')::json ->> 'starts_at' FROM log.events WHERE stream = ANY(%s) ORDER BY position",
            ([f"planner-event-{made['id']}" for made in (wall_clock, instant)],),
        ).fetchall()
    assert [given for (given,) in rows] == ["2031-07-06T01:00:00[Europe/Berlin]", "2031-07-06T01:00:00+00:00[Europe/Berlin]"]
    (other_rules / "Europe").mkdir()
    (other_rules / "Europe" / "Berlin").write_bytes(resources.files("tzdata.zoneinfo").joinpath("Asia", "Tokyo").read_bytes())
    follow_rules(other_rules)
    rebuild(services.settings.conninfo(), BY_ZONE)
    assert window(planner.get(f"/planner-events/{wall_clock['id']}/").json())[1] == "2031-07-05T16:00:00+00:00"
    assert window(planner.get(f"/planner-events/{instant['id']}/").json())[1] == "2031-07-06T01:00:00+00:00"


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "europe/berlin\n", "posixrules", 7])
def test_unknown_zone_is_refused(planner: httpx.Client, zone: Any) -> None:
    answer = planner.patch("/planner-settings/", json={"time_zone": zone})
    assert (answer.status_code, list(answer.json())) == (400, ["time_zone"])
