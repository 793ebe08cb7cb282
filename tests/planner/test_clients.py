"""What the planner and the portal do, call by call and cast by cast (contract: clients 1.7, 4, 6.8, 8 and 10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-CALNAME:Timetable\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:{day}T190000Z\r\nSUMMARY:Lecture\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
LARGEST = 2**53


class App:
    """A client that casts what it reads as the apps do, and sends what they send."""

    def __init__(self, client: httpx.Client, token: str = "") -> None:
        self._client = client
        self._headers = {"Accept": "application/json", **({"Authorization": f"Token {token}"} if token else {})}

    def get(self, path: str) -> Any:
        """The JSON of a GET."""
        return self._read(self._client.get(path, headers=self._headers))

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON of an answer to a body; an empty answer is an empty object."""
        return self._read(self._client.request(method, path, json=body, headers=self._headers))

    def _read(self, answer: httpx.Response) -> Any:
        assert answer.status_code < 400, answer.text
        if not answer.content:
            return {}
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        return _cast(answer.json())


OBJECTS = ("author", "course", "owner", "heatmap")
LISTS = ("blocks", "preview_lines", "recent_notes", "media", "carousel_courses", "days", "events", "deadlines", "cells")
NUMBERS = ("difficulty_weight", "urgency_score", "intensity", "icon")


def _cast(value: Any) -> Any:
    """Fails where a cast of the apps would."""
    for item in value if isinstance(value, list) else ():
        _cast(item)
    for key, item in value.items() if isinstance(value, dict) else ():
        if item is not None:
            _cast_member(key, item)
        _cast(item)
    return value


def _cast_member(key: str, item: Any) -> None:
    if key == "id":
        assert type(item) is int
        assert 0 < item < LARGEST
    elif key in OBJECTS:
        assert isinstance(item, dict)
    elif key in LISTS:
        assert isinstance(item, list)
    elif key.startswith("is_"):
        assert isinstance(item, bool)
    elif key in NUMBERS:
        assert type(item) in (int, float)
    elif key.endswith(("_at", "_date", "_sync")):
        datetime.fromisoformat(item)


def start_planner(app: App) -> dict[str, Any]:
    """Everything that the planner asks when it is opened by somebody who is signed in."""
    courses = app.get("courses/")
    (inbox,) = (course for course in courses if course["is_default"])
    return {
        "activity": app.get("activity/"),
        "inbox": app.get(f"courses/{inbox['id']}/notes/"),
        "events": app.get("planner-events/"),
        "feeds": app.get("calendar-feeds/"),
        "week": app.get(f"activity/week/?start_date={today().isoformat()}"),
        "deleted": app.get("notes/deleted/"),
        "notes": app.get("notes/?limit=20&offset=0"),
    }


def today() -> Any:
    return datetime.now(UTC).date()


def drawn(week: dict[str, Any]) -> list[tuple[str, str]]:
    """Kind and title of what the week view draws, in order."""
    assert [day["date"] for day in week["days"]] == [(today() + timedelta(days=ahead)).isoformat() for ahead in range(7)]
    return [(entry["kind"], entry["title"]) for day in week["days"] for entry in day["events"]]


def test_a_day_with_the_planner(door: httpx.Client, planner: httpx.Client) -> None:
    app = App(planner, planner.headers["authorization"].removeprefix("Token "))
    found = start_planner(app)
    assert (found["events"], found["feeds"], found["deleted"]) == ([], [], [])
    assert isinstance(found["activity"], list)
    assert drawn(found["week"]) == []

    tomorrow = today() + timedelta(days=1)
    made = app.send(
        "POST",
        "planner-events/",
        {
            "title": "Hand in sheet 4", "event_date": tomorrow.isoformat(), "starts_at": f"{tomorrow}T14:00:00.000",
            "ends_at": f"{tomorrow}T15:00:00.000", "difficulty_weight": 3, "description": "", "course_id": -4,
        },
    )  # fmt: skip
    assert (made["event_date"], made["course_id"]) == (tomorrow.isoformat(), None)
    only_a_date = app.send("POST", "planner-events/", {"title": "Older build", "event_date": tomorrow.isoformat()})
    week = app.get(f"activity/week/?start_date={today()}")
    assert drawn(week) == [("plan", "Older build"), ("plan", "Hand in sheet 4")]
    deadline = next(each for each in week["deadlines"] if each["title"] == "Hand in sheet 4")
    assert (deadline["id"], deadline["is_completed"], deadline["urgency_score"] > 0) == (made["id"], False, True)

    done = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ticked = app.send("PATCH", f"planner-events/{deadline['id']}/", {"is_completed": True, "completed_at": done})
    assert datetime.fromisoformat(ticked["completed_at"]) == datetime.fromisoformat(done)
    week = app.get(f"activity/week/?start_date={today()}")
    assert [each["id"] for each in week["deadlines"]] == [each["id"] for each in app.get("planner-events/")] == [only_a_date["id"]]
    assert app.send("PATCH", f"planner-events/{made['id']}/", {"is_completed": False, "completed_at": None})["completed_at"] is None

    text = CALENDAR.format(day=tomorrow.strftime("%Y%m%d"))
    feed = app.send("POST", "calendar-feeds/", {"title": "Timetable", "source_kind": "I", "raw_ical": text, "course_id": None})
    assert drawn(app.get(f"activity/week/?start_date={today()}"))[-1] == ("calendar", "Lecture")
    assert app.send("PATCH", f"calendar-feeds/{feed['id']}/", {"is_enabled": False})["is_enabled"] is False
    assert [each["is_enabled"] for each in app.get("calendar-feeds/")] == [False]
    assert ("calendar", "Lecture") not in drawn(app.get(f"activity/week/?start_date={today()}"))
    assert app.send("DELETE", f"calendar-feeds/{feed['id']}/") == {}
    assert app.get("calendar-feeds/") == []

    note = app.send("POST", "notes/", {"title": "Reading notes", "content": "Four words of text"})
    local = datetime.now().astimezone().replace(tzinfo=None).isoformat(timespec="milliseconds")
    session = app.send("POST", "note-sessions/", {"note_id": note["id"], "title": "Reading notes", "summary": "", "started_at": local})
    app.send("PATCH", f"note-sessions/{session['id']}/", {"title": "Reading notes", "ended_at": local})
    assert ("note_session", "Reading notes") in drawn(app.get(f"activity/week/?start_date={today()}"))
    assert app.get("activity/")[0]["id"] == note["id"]

    front = app.get("front-page/")
    assert {each["id"] for each in front["upcoming_events"]} == {made["id"], only_a_date["id"]}
    (cell,) = (cell for cell in front["heatmap"]["cells"] if cell["is_today"])
    assert (cell["date"], cell["intensity"]) == (front["heatmap"]["today"], 1)
    assert start_planner(app)["events"] == app.get("planner-events/")


def test_the_portal_of_somebody_who_is_signed_out(door: httpx.Client, planner: httpx.Client) -> None:
    course = planner.post("/courses/", json={"title": "!! Open shelf"}).json()["id"]
    planner.post("/notes/", json={"title": "Public", "content": "x", "is_public": True, "course_id": course})
    planner.post("/notes/", json={"title": "Private", "content": "x", "course_id": course})
    with httpx.Client(base_url=f"{door.base_url}/api/v1") as anonymous:
        app = App(anonymous)
        front = app.get("front-page/")
        assert set(front) == {"default_course", "carousel_courses", "collections", "recent_notes", "recommended_notes"}
        assert front["collections"] == front["carousel_courses"]
        assert front["recent_notes"][0]["title"] == "Public"
        assert course in [each["id"] for each in app.get("courses/")]
        assert [each["title"] for each in app.get(f"courses/{course}/notes/")] == ["Public"]
        assert app.get("activity/") == []
        assert "Private" not in [each["title"] for each in app.get("notes/?limit=20&offset=0&scope=all")["results"]]
        for path in ("planner-events/", "calendar-feeds/", "activity/week/", "note-sessions/", "heatmap/"):
            refused = anonymous.get(path)
            assert (refused.status_code, refused.json()) == (401, {"detail": "Authentication credentials were not provided."})
