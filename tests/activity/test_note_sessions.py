"""Note sessions over HTTP (contract: planner_platform 8, 16.5; clients 6.8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from commands.context import Context, utc_now
from commands.handling import Work
from commands.lookups import Lookups
from commands.note_sessions.commands import StartNoteSession, close_dangling_session, start_note_session
from projections.catalog import ALL_PROJECTIONS
from projections.rebuild import rebuild
from reactors.dangling import close_dangling_sessions
from tests.accounts.people import Person, make_person
from tests.activity.conftest import WriteNote
from wiring import Services


def start(client: httpx.Client, note_id: int, **fields: Any) -> dict[str, Any]:
    answer = client.post("/note-sessions/", json={"note_id": note_id, **fields})
    assert answer.status_code == 201, answer.text
    session: dict[str, Any] = answer.json()
    return session


def change(client: httpx.Client, session: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = client.patch(f"/note-sessions/{session['id']}/", json=fields)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def test_an_open_session_looks_a_quarter_of_an_hour_long(client: httpx.Client, write_note: WriteNote) -> None:
    note_id = write_note(title="Reading log", description="Chapter two")
    session = start(client, note_id, started_at="2031-05-06T18:00:00Z")
    assert session == {
        "id": session["id"], "title": "Reading log", "kind": "note_session", "note_id": note_id, "course_id": None,
        "summary": "Chapter two", "starts_at": "2031-05-06T18:00:00+00:00", "ends_at": "2031-05-06T18:15:00+00:00",
        "ended_at": None, "last_edit": session["last_edit"],
    }  # fmt: skip
    assert client.get(f"/note-sessions/{session['id']}/").json() == session


def test_closing_reopening_and_renaming(client: httpx.Client, write_note: WriteNote) -> None:
    session = start(client, write_note(), title="Mine", summary="x", started_at="2031-05-06T18:00:00Z")
    closed = change(client, session, ended_at="2031-05-06T19:40:00", title="", summary="Done")
    assert (closed["title"], closed["summary"], closed["ends_at"]) == ("", "Done", "2031-05-06T19:40:00+00:00")
    assert change(client, session, ended_at=None)["ends_at"] == "2031-05-06T18:15:00+00:00"
    assert change(client, session, note_id=5)["note_id"] == session["note_id"]


def test_an_end_before_the_start_becomes_the_start(client: httpx.Client, write_note: WriteNote) -> None:
    note_id = write_note()
    both = start(client, note_id, started_at="2031-05-06T18:00:00Z", ended_at="2031-05-06T17:00:00Z")
    assert both["ends_at"] == "2031-05-06T18:00:00+00:00"
    session = start(client, note_id, started_at="2031-05-06T18:00:00Z")
    assert change(client, session, ended_at="2031-05-06T17:00:00Z")["ends_at"] == "2031-05-06T18:00:00+00:00"
    moved = change(client, session, started_at="2031-05-06T20:00:00Z")
    assert (moved["starts_at"], moved["ends_at"]) == ("2031-05-06T20:00:00+00:00", "2031-05-06T20:00:00+00:00")


def test_a_long_summary_is_cut(client: httpx.Client, write_note: WriteNote) -> None:
    description = "d" * 250 + "äöü" * 100
    session = start(client, write_note(), summary=description)
    assert session["summary"] == description[:255]
    closed = change(client, session, summary="e" * 600, ended_at=session["starts_at"])
    assert (closed["summary"], closed["ended_at"]) == ("e" * 255, session["starts_at"])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "note_id"),
        ({"note_id": "x"}, "note_id"),
        ({"note_id": None}, "note_id"),
        ({"note_id": 1, "title": "x" * 121}, "title"),
        ({"note_id": 1, "started_at": "soon"}, "started_at"),
    ],
)
def test_wrong_fields_are_named(client: httpx.Client, fields: dict[str, Any], field: str) -> None:
    answer = client.post("/note-sessions/", json=fields)
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_start_must_not_be_null_or_out_of_range(client: httpx.Client, write_note: WriteNote) -> None:
    session = start(client, write_note())
    for wrong in (None, "0001-01-01", "9999-12-31T23:59:59"):
        answer = client.patch(f"/note-sessions/{session['id']}/", json={"started_at": wrong})
        assert (answer.status_code, list(answer.json())) == (400, ["started_at"])


def test_foreign_notes_and_sessions_are_404(client: httpx.Client, services: Services, write_note: WriteNote) -> None:
    note_id = write_note(public=True)
    session = start(client, note_id)
    stranger = make_person(services).headers
    assert client.post("/note-sessions/", json={"note_id": note_id}, headers=stranger).status_code == 404
    assert client.post("/note-sessions/", json={"note_id": 2**62}).status_code == 404
    for method in ("GET", "PATCH"):
        assert client.request(method, f"/note-sessions/{session['id']}/", json={}, headers=stranger).status_code == 404
    assert client.get("/note-sessions/", headers=stranger).json() == []


def test_list_is_newest_first_and_can_be_narrowed(client: httpx.Client, write_note: WriteNote) -> None:
    first, second = write_note(), write_note()
    sessions = [start(client, note_id, started_at=f"2031-05-0{day}T10:00:00Z") for day, note_id in ((1, first), (3, second), (2, first))]
    ids = [session["id"] for session in sessions]
    assert [session["id"] for session in client.get("/note-sessions/").json()] == [ids[1], ids[2], ids[0]]
    assert [session["id"] for session in client.get(f"/note-sessions/?note_id={first}").json()] == [ids[2], ids[0]]
    assert len(client.get("/note-sessions/?limit=1").json()) == 1
    assert client.get("/note-sessions/?note_id=abc").status_code == 400


def test_local_clock_of_the_client_is_not_believed_over_the_servers(client: httpx.Client, write_note: WriteNote) -> None:
    local = (datetime.now(UTC) + timedelta(hours=5, minutes=30)).replace(tzinfo=None)
    session = start(client, write_note(), started_at=local.isoformat(timespec="milliseconds"))
    assert abs(datetime.fromisoformat(session["starts_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    ended = change(client, session, ended_at=(local + timedelta(seconds=5)).isoformat())
    assert abs(datetime.fromisoformat(ended["ends_at"]) - datetime.now(UTC)) < timedelta(minutes=1)


def told(moment: datetime, ahead: timedelta = timedelta()) -> str:
    """What a client says whose clock is so far ahead of UTC."""
    return (moment + ahead).replace(tzinfo=None).isoformat()


def lasted(session: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(session["ends_at"]) - datetime.fromisoformat(session["starts_at"])


def test_a_sitting_that_is_written_down_afterwards_keeps_its_times(client: httpx.Client, write_note: WriteNote) -> None:
    begun = utc_now() - timedelta(hours=2)
    ended = begun + timedelta(hours=1)
    session = start(client, write_note(), started_at=told(begun), ended_at=told(ended))
    assert (session["starts_at"], session["ends_at"]) == (begun.isoformat(), ended.isoformat())
    moved = change(client, session, started_at=told(begun - timedelta(hours=1)))
    assert (moved["starts_at"], lasted(moved)) == ((begun - timedelta(hours=1)).isoformat(), timedelta(hours=2))
    assert lasted(change(client, session, started_at=told(begun), ended_at=told(begun + timedelta(minutes=30)))) == timedelta(minutes=30)
    assert lasted(change(client, session, ended_at=told(ended))) == timedelta(hours=1)


def test_an_end_that_arrives_late_is_understood_by_the_clock_of_the_start(
    client: httpx.Client, services: Services, person: Person, write_note: WriteNote
) -> None:
    begun = utc_now() - timedelta(hours=1)
    note_id = write_note()
    for ahead in (timedelta(hours=2), timedelta(hours=-7), timedelta()):
        command = StartNoteSession(note_id=note_id, started_at=(begun + ahead).replace(tzinfo=None))
        context = Context(actor=person.account_id, channel="web", now=begun)
        session_id = services.commands.run(partial(_started, command), context).result
        for minutes in (45, 40):
            late = change(client, {"id": session_id}, ended_at=told(begun + timedelta(minutes=minutes), ahead))
            assert (datetime.fromisoformat(late["starts_at"]), lasted(late)) == (begun, timedelta(minutes=minutes))
        moved = change(client, {"id": session_id}, started_at=told(begun + timedelta(minutes=10), ahead))
        assert lasted(moved) == timedelta(minutes=30)


def test_a_start_that_arrived_late_is_set_right_by_the_end(client: httpx.Client, services: Services, write_note: WriteNote) -> None:
    for ahead in (timedelta(hours=2), timedelta(hours=-7), timedelta()):
        begun = utc_now() - timedelta(minutes=5)
        session = start(client, write_note(), started_at=told(begun, ahead))
        ended = change(client, session, ended_at=told(begun + timedelta(minutes=5), ahead))
        assert abs(datetime.fromisoformat(ended["starts_at"]) - begun) < timedelta(seconds=30)
        assert lasted(ended) == timedelta(minutes=5)
        assert lasted(change(client, session, ended_at=told(begun + timedelta(minutes=4), ahead))) == timedelta(minutes=4)
    before = client.get("/note-sessions/").json()
    rebuild(services.settings.conninfo(), [projection for projection in ALL_PROJECTIONS if projection.name == "note_sessions"])
    assert client.get("/note-sessions/").json() == before


def _started(command: StartNoteSession, work: Work[Lookups]) -> int:
    return start_note_session(work, command)


def test_naive_times_that_no_zone_explains_are_utc(client: httpx.Client, write_note: WriteNote) -> None:
    for ahead in (timedelta(), timedelta(minutes=7), timedelta(days=3)):
        naive = (datetime.now(UTC) - ahead).replace(tzinfo=None)
        assert start(client, write_note(), started_at=naive.isoformat())["starts_at"] == naive.replace(tzinfo=UTC).isoformat()


def test_naive_times_are_in_the_accounts_zone(client: httpx.Client, write_note: WriteNote) -> None:
    client.patch("/planner-settings/", json={"time_zone": "Asia/Tokyo"})
    session = start(client, write_note(), started_at="2031-05-06T18:00:00")
    assert session["starts_at"] == "2031-05-06T09:00:00+00:00"


def test_a_dangling_session_ends_at_the_last_save_of_its_note(client: httpx.Client, services: Services, write_note: WriteNote) -> None:
    saved = utc_now() - timedelta(hours=20)
    note_id = write_note(at=saved)
    worked = start(client, note_id, started_at=(saved - timedelta(minutes=40)).isoformat())
    idle = start(client, note_id, started_at=(saved + timedelta(hours=1)).isoformat())
    for session in (worked, idle):
        services.commands.run(partial(_closed, session["id"]), Context(actor=None, channel="system"))
    ends = {session["id"]: datetime.fromisoformat(session["ends_at"]) for session in client.get("/note-sessions/").json()}
    assert ends[worked["id"]] == saved
    assert ends[idle["id"]] == saved + timedelta(hours=1, minutes=15)


def _closed(session_id: int, work: Work[Lookups]) -> None:
    close_dangling_session(work, session_id)


def test_the_background_closes_what_was_open_for_twelve_hours(
    client: httpx.Client, services: Services, person: Person, write_note: WriteNote
) -> None:
    note_id = write_note()
    begun = {hours: utc_now() - timedelta(hours=hours) for hours in (11, 13)}
    ids = {}
    for hours, moment in begun.items():
        context = Context(actor=person.account_id, channel="web", now=moment)
        ids[hours] = services.commands.run(lambda work: start_note_session(work, StartNoteSession(note_id=note_id)), context).result
    close_dangling_sessions(services)
    with services.thread_pool.connection() as connection:
        rows: dict[int, object] = dict(
            connection.execute("SELECT id, ended_at FROM note_sessions.sessions WHERE id = ANY(%s)", (list(ids.values()),)).fetchall()
        )
    assert rows == {ids[11]: None, ids[13]: begun[13] + timedelta(minutes=15)}


def test_a_session_that_cannot_be_closed_does_not_keep_up_the_others(
    client: httpx.Client, services: Services, person: Person, write_note: WriteNote, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_id = write_note()
    ids = []
    for hours in (20, 13):
        context = Context(actor=person.account_id, channel="web", now=utc_now() - timedelta(hours=hours))
        ids.append(services.commands.run(lambda work: start_note_session(work, StartNoteSession(note_id=note_id)), context).result)

    def close(work: Work[Lookups], session_id: int) -> bool:
        if session_id == ids[0]:
            raise ValueError
        return close_dangling_session(work, session_id)

    monkeypatch.setattr("reactors.dangling.close_dangling_session", close)
    close_dangling_sessions(services)
    with services.thread_pool.connection() as connection:
        rows = connection.execute("SELECT ended_at IS NULL FROM note_sessions.sessions WHERE id = ANY(%s) ORDER BY id", (ids,)).fetchall()
    assert rows == [(True,), (False,)]


def test_sessions_of_a_purged_note_are_forgotten_with_it(client: httpx.Client, services: Services) -> None:
    note = client.post("/notes/", json={"title": "Confidential-4711", "content": "a b c"}).json()
    session = start(client, note["id"])
    assert session["title"] == "Confidential-4711"
    client.delete(f"/notes/{note['id']}/")
    assert client.get(f"/note-sessions/{session['id']}/").status_code == 200
    assert client.delete("/notes/deleted/empty/").status_code < 300
    assert client.get(f"/note-sessions/{session['id']}/").status_code == 404
    assert client.patch(f"/note-sessions/{session['id']}/", json={}).status_code == 404
    with services.thread_pool.connection() as connection:
        found = connection.execute("SELECT count(*) FROM log.events WHERE encode(data, 'escape') LIKE '%Confidential-4711%'").fetchone()
    assert found == (0,)
    today = next(cell for cell in client.get("/heatmap/").json()["cells"] if cell["is_today"])
    assert today["past_value"] == 1


def test_a_rebuild_gives_the_same_sessions_week_and_heat_map(client: httpx.Client, services: Services, write_note: WriteNote) -> None:
    saved = utc_now() - timedelta(hours=20)
    note_id = write_note(320, at=saved)
    dangling = start(client, note_id, started_at=(saved - timedelta(minutes=40)).isoformat())
    services.commands.run(partial(_closed, dangling["id"]), Context(actor=None, channel="system"))
    change(client, start(client, note_id, started_at="2031-05-06T18:00:00"), ended_at="2031-05-06T18:20:00")
    for day in (saved.date(), saved.date() + timedelta(days=30)):
        client.post("/planner-events/", json={"title": "Plan", "event_date": day.isoformat(), "difficulty_weight": 3})
    client.post("/notes/", json={"title": "Later", "content": "three more words"})
    # Saved again long after it was closed by rule: what was decided stays decided.
    client.patch(f"/notes/{note_id}/", json={"content": "other"})
    paths = ("/note-sessions/", "/heatmap/", f"/activity/week/?start_date={saved.date()}", "/planner-events/", "/activity/")
    before = [_without_scores(client.get(path).json()) for path in paths]
    assert datetime.fromisoformat(before[0][-1]["ends_at"]) == saved
    names = {"note_sessions", "planner", "writing", "notes"}
    rebuild(services.settings.conninfo(), [projection for projection in ALL_PROJECTIONS if projection.name in names])
    assert [_without_scores(client.get(path).json()) for path in paths] == before


def _without_scores(payload: Any) -> Any:
    for deadline in payload.get("deadlines", []) if isinstance(payload, dict) else []:
        del deadline["urgency_score"]  # falls by the second
    return payload
