"""Courses, plans, note sessions and overviews as tools (contract: mcp 7), over raw HTTP."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tests.mcp.people import Keeper, inbox_of
from wiring import Services


def test_courses(keeper: Keeper, other: Keeper) -> None:
    course = keeper.call("create_course", title=" Biology ", icon=58332)
    assert (course["title"], course["slug"], course["icon"], course["is_default"]) == ("Biology", course["slug"], 58332, False)
    changed = keeper.call("update_course", course_id=course["id"], description="Spring", icon=None, expected_version=course["version"])
    assert (changed["description"], changed["icon"], changed["slug"]) == ("Spring", None, course["slug"])
    assert "Changed meanwhile" in keeper.refused("update_course", course_id=course["id"], title="x", expected_version=course["version"])
    note = keeper.call("create_note", title="In it", course_id=course["id"])
    shown = keeper.call("get_course", course_id=course["id"])
    assert [item["id"] for item in shown["notes"]] == [note["id"]]
    assert shown["version"] == changed["version"]
    assert [item["id"] for item in keeper.call("list_course_notes", course_id=course["id"])["notes"]] == [note["id"]]
    assert other.call("get_course", course_id=course["id"])["notes"] == []
    assert other.call("list_course_notes", course_id=course["id"])["notes"] == []
    for tool in ("update_course", "delete_course"):
        assert "Only its owner" in other.refused(tool, course_id=course["id"])
        assert keeper.refused(tool, course_id=inbox_of(keeper)).startswith("The Inbox cannot be")
    assert "title" in keeper.refused("create_course", title="  ")
    preview = keeper.call("delete_course", course_id=course["id"], dry_run=True)
    assert (preview["deleted"], preview["title"], preview["notes_moved_to"]) == (False, "Biology", inbox_of(keeper))
    gone = keeper.call("delete_course", course_id=course["id"])
    assert (gone["deleted"], gone["notes_moved_to"]) == (True, inbox_of(keeper))
    assert keeper.call("get_note", note_id=note["id"])["course_id"] == inbox_of(keeper)
    assert "no such course" in keeper.refused("get_course", course_id=course["id"])


def test_courses_are_arranged_and_followed(keeper: Keeper, other: Keeper) -> None:
    one, two = (keeper.call("create_course", title=title)["id"] for title in ("One", "Two"))
    foreign = other.call("create_course", title="Theirs")["id"]
    assert keeper.call("reorder_courses", course_ids=[two, "x", foreign, inbox_of(keeper), one, two, 10**12]) == {"reordered": [two, one]}
    own = [course["id"] for course in keeper.call("list_courses")["courses"]]
    assert own.index(two) < own.index(one)
    assert keeper.call("reorder_courses", course_ids=[str(one), float(two), str(one), True, None, 1.5]) == {"reordered": [one, two]}
    own = [course["id"] for course in keeper.call("list_courses")["courses"]]
    assert own.index(one) < own.index(two)
    assert "course_ids" in keeper.refused("reorder_courses", course_ids="all")
    followed = keeper.call("subscribe_course", course_id=foreign)
    assert (followed["id"], followed["origin"], followed["is_subscribed"]) == (foreign, "other_user", True)
    keeper.call("subscribe_course", course_id=foreign)
    assert foreign in [course["id"] for course in keeper.call("list_courses")["courses"]]
    assert keeper.call("unsubscribe_course", course_id=foreign) == {"unsubscribed": True, "course_id": foreign}
    assert "not followed" in keeper.refused("unsubscribe_course", course_id=foreign)


def test_events(keeper: Keeper, other: Keeper) -> None:
    event = keeper.call("create_event", title="Essay", event_date="2031-05-06")
    assert (event["event_date"], event["starts_at"], event["ends_at"]) == (
        "2031-05-06", "2031-05-06T12:00:00+00:00", "2031-05-06T13:00:00+00:00",
    )  # fmt: skip
    moved = keeper.call("update_event", event_id=event["id"], event_date="2031-05-08", expected_version=event["version"])
    assert (moved["event_date"], moved["starts_at"]) == ("2031-05-08", "2031-05-08T12:00:00+00:00")
    assert "Changed meanwhile" in keeper.refused("update_event", event_id=event["id"], title="x", expected_version=event["version"])
    timed = keeper.call("update_event", event_id=event["id"], starts_at="2031-05-08T09:00:00+02:00", ends_at=None)
    assert (timed["starts_at"], timed["ends_at"]) == ("2031-05-08T07:00:00+00:00", "2031-05-08T08:00:00+00:00")
    assert keeper.call("list_events")["events"] == [timed]
    done = keeper.call("update_event", event_id=event["id"], is_completed=True)
    assert done["is_completed"] is True
    assert keeper.call("list_events")["events"] == []
    assert [one["id"] for one in keeper.call("list_events", include_completed=True)["events"]] == [event["id"]]
    assert keeper.call("update_event", event_id=event["id"], is_completed=False)["completed_at"] is None
    for wrong in ({"event_date": "soon"}, {"event_date": "2031-02-30"}, {"event_date": "2031-05-06", "starts_at": "noon"}):
        assert next(reversed(wrong)) in keeper.refused("create_event", title="x", **wrong)
    for day in ("2031-05-06junk", "2031-05-06T18:30:00Z", "0001-01-01"):
        assert keeper.refused("create_event", title="x", event_date=day).startswith("event_date")
        assert keeper.refused("update_event", event_id=event["id"], event_date=day).startswith("event_date")
    assert "difficulty_weight" in keeper.refused("create_event", title="x", event_date="2031-05-06", difficulty_weight=9)
    assert "no such course" in keeper.refused("create_event", title="x", event_date="2031-05-06", course_id=10**9)
    assert "no such event" in other.refused("update_event", event_id=event["id"], title="mine")
    assert "no such event" in other.refused("delete_event", event_id=event["id"])
    assert keeper.call("delete_event", event_id=event["id"], dry_run=True)["title"] == "Essay"
    assert keeper.call("delete_event", event_id=event["id"]) == {"deleted": True, "event_id": event["id"]}
    assert "no such event" in keeper.refused("delete_event", event_id=event["id"])


def test_whole_numbers_may_come_as_7_0(keeper: Keeper, services: Services) -> None:
    """As some clients write all numbers; in the log they are whole."""
    course = keeper.call("create_course", title="Whole", icon=58332.0)["id"]
    event = keeper.call("create_event", title="Essay", event_date="2031-05-06", course_id=float(course))
    feed = keeper.call("create_calendar_feed", title="Feed", course_id=float(course))
    for tool, thing in (("update_event", {"event_id": event["id"]}), ("update_calendar_feed", {"feed_id": float(feed["id"])})):
        assert keeper.call(tool, **thing, course_id=None)["course_id"] is None
        assert keeper.call(tool, **thing, course_id=float(course))["course_id"] == course
        assert "course_id" in keeper.refused(tool, **thing, course_id=course + 0.5)
    keeper.call("create_note", title="Note", course_id=float(course))
    with services.thread_pool.connection() as connection:
        stored = connection.execute(
            "SELECT data ->> 'course_id' FROM log.readable_events WHERE stream = ANY(%s) AND data ->> 'course_id' IS NOT NULL",
            ([f"planner-event-{event['id']}", f"calendar-feed-{feed['id']}"],),
        ).fetchall()
    assert stored == [(str(course),)] * 4


def test_times_come_on_the_accounts_clock_as_well(keeper: Keeper) -> None:
    keeper.rest("PATCH", "planner-settings/", {"time_zone": "Asia/Tokyo"})
    event = keeper.call("create_event", title="Tea", event_date="2031-05-06", starts_at="2031-05-06T16:00:00")
    assert (event["starts_at"], event["starts_at_local"]) == ("2031-05-06T07:00:00+00:00", "2031-05-06T16:00:00+09:00")
    assert keeper.call("create_note", title="x")["last_edit_local"].endswith("+09:00")
    assert keeper.call("get_profile")["time_zone"] == "Asia/Tokyo"


def test_note_sessions(keeper: Keeper, other: Keeper) -> None:
    note = keeper.call("create_note", title="Read", description="Chapter two")
    session = keeper.call("create_note_session", note_id=note["id"], summary="s" * 300)
    assert (session["title"], session["kind"], session["note_id"], len(session["summary"])) == ("Read", "note_session", note["id"], 255)
    begun, ends = (datetime.fromisoformat(session[name]) for name in ("starts_at", "ends_at"))
    assert ends - begun == timedelta(minutes=15)
    ended = keeper.call("end_note_session", session_id=session["id"], title="Read on")
    assert (ended["title"], datetime.fromisoformat(ended["ends_at"]) < ends) == ("Read on", True)
    assert keeper.call("list_note_sessions", note_id=note["id"])["sessions"] == [ended]
    assert "no such note" in other.refused("create_note_session", note_id=note["id"])
    assert "no such note session" in other.refused("end_note_session", session_id=session["id"])


def test_overviews(keeper: Keeper) -> None:
    note = keeper.call("create_note", title="Today", content="words")
    keeper.call("create_event", title="Soon", event_date=str(date.today() + timedelta(days=1)), difficulty_weight=3)  # noqa: DTZ011
    heatmap = keeper.call("get_heatmap")
    assert len(heatmap["cells"]) == 365
    week = keeper.call("get_activity_week")
    assert len(week["days"]) == 7
    assert [deadline["title"] for deadline in week["deadlines"]] == ["Soon"]
    assert keeper.call("get_activity_week", start_date="nonsense")["start_date"] == week["start_date"]
    assert keeper.call("get_activity_week", start_date="2031-05-05")["start_date"] == "2031-05-05"
    assert len(keeper.call("get_activity_week", days=3)["days"]) == 3
    assert keeper.call("get_recent_activity")["recent_notes"][0]["id"] == note["id"]
    assert len(keeper.call("get_activity", limit=1)["notes"]) == 1
