"""A working day of an assistant, told once: what it does by tools, in terms that hold over every transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Tool = Callable[..., Awaitable[Any]]
CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20310501T000000Z
DTSTART:20310507T080000Z
DTEND:20310507T090000Z
SUMMARY:Exam
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def listed(answer: Any) -> list[Any]:
    """The entries of a list, which REST gives bare or as `results`, and the endpoint under the name of what they are."""
    if isinstance(answer, dict):
        (answer,) = (value for value in answer.values() if isinstance(value, list))
    found: list[Any] = answer
    return found


def ids(answer: Any) -> list[int]:
    """The ids of the entries."""
    return [entry["id"] for entry in listed(answer)]


@dataclass
class Day:
    """tool calls one that has to succeed, refused one that has to fail, for its sentence; upload gives a note a file, as the user would."""

    tool: Tool
    refused: Tool
    upload: Callable[[int], int]
    username: str
    used: set[str] = field(default_factory=set)
    """The names of the tools that were called."""
    known: dict[str, Any] = field(default_factory=dict)
    """What later parts of the day need of the earlier ones."""

    async def do(self, name: str, **arguments: Any) -> Any:
        """One call."""
        self.used.add(name)
        return await self.tool(name, **arguments)

    async def pass_by(self) -> None:
        """All of it."""
        for part in (self.morning, self.writing, self.recovery, self.sitting, self.planning, self.evening):
            await part()

    async def morning(self) -> None:
        """Who am I, what is there, what is up."""
        do = self.do
        assert (await do("get_profile"))["username"] == self.username
        await do("update_profile", motto="Read more")
        assert (await do("get_profile"))["motto"] == "Read more"
        assert len((await do("get_heatmap"))["cells"]) == 365
        inbox = next(course["id"] for course in listed(await do("list_courses")) if course["is_default"])
        biology = (await do("create_course", title="Biology", description="Cells and more", icon=0xE3C9))["id"]
        physics = (await do("create_course", title="Physics"))["id"]
        assert (await do("update_course", course_id=biology, title="Biology I", icon=None))["title"] == "Biology I"
        await do("reorder_courses", course_ids=[physics, biology])
        own = [course["id"] for course in listed(await do("list_courses")) if not course["is_default"]]
        assert own[:2] == [physics, biology]
        await do("subscribe_course", course_id=biology)
        await do("unsubscribe_course", course_id=biology)
        self.known |= {"inbox": inbox, "biology": biology, "physics": physics}

    async def writing(self) -> None:
        """Look first, make it, read it back, change parts of it."""
        do = self.do
        inbox, biology = (self.known["inbox"], self.known["biology"])
        assert ids(await do("search_notes", query="mitosis")) == []
        note = await do("create_note", title="Mitosis", content="# Mitosis\n\nThey divide.\n\n# Open\n\n- why?", course_id=biology)
        number = note["id"]
        assert ids(await do("search_notes", query="MITOSIS")) == ids(await do("list_notes", query="divide")) == [number]
        assert ids(await do("list_course_notes", course_id=biology)) == [number]
        assert (await do("get_course", course_id=biology))["title"] == "Biology I"
        assert (await do("get_note_by_uuid", uuid=note["uuid"]))["id"] == number
        assert [heading["heading"] for heading in (await do("get_note_outline", note_id=number))["headings"]] == ["Mitosis", "Open"]
        assert (await do("get_note_section", note_id=number, heading="Open"))["content"] == "# Open\n\n- why?"
        first = listed(await do("list_note_versions", note_id=number))
        await do("snapshot_note", note_id=number, reason="draft")
        draft = listed(await do("list_note_versions", note_id=number))[0]
        assert draft["reason"] == "draft"
        assert len(first) <= 1
        preview = await do("patch_note", note_id=number, find="They divide.", replace="Cells divide.", dry_run=True)
        assert "Cells divide." in preview["content"]
        assert "They divide." in (await do("get_note", note_id=number))["content"]
        assert "Cells divide." in (await do("patch_note", note_id=number, find="They divide.", replace="Cells divide."))["content"]
        patched = await do("patch_note", note_id=number, heading="Open", insert="- when?")
        assert patched["content"].endswith("- why?\n\n- when?")
        assert "exactly once" in await self.refused("patch_note", note_id=number, find="nowhere", replace="x")
        changed = await do("update_note", note_id=number, description="How cells divide", course_id=None)
        assert (changed["course_id"], changed["description"]) == (inbox, "How cells divide")
        assert "Changed meanwhile" in await self.refused(
            "update_note", note_id=number, title="Lost", expected_version=str(note["last_edit"])
        )
        self.known |= {"number": number, "note": note, "draft": draft}

    async def recovery(self) -> None:
        """Something went wrong: compare, look back, restore, take back."""
        do = self.do
        number, draft = (self.known["number"], self.known["draft"])
        await do("update_note", note_id=number, content="all gone")
        difference = await do("diff_note_versions", note_id=number, from_version=draft["id"])
        assert "+all gone" in difference.get("diff", difference.get("unified"))
        assert (await do("read_note_at", note_id=number, at="2099-01-01T00:00:00Z"))["content"] == "all gone"
        assert "They divide." in (await do("restore_note_version", note_id=number, version_id=draft["id"], dry_run=True))["content"]
        assert (await do("get_note", note_id=number))["content"] == "all gone"
        assert "They divide." in (await do("restore_note_version", note_id=number, version_id=draft["id"]))["content"]
        await do("update_note", note_id=number, title="A mistake")
        latest = listed(await do("list_changes", limit=5))[0]
        await do("undo_last_change", dry_run=True)
        assert (await do("get_note", note_id=number))["title"] == "A mistake"
        await do("undo_last_change")
        assert (await do("get_note", note_id=number))["title"] == "Mitosis"
        assert await self.refused("undo_last_change", change_id=str(latest["id"]))

    async def sitting(self) -> None:
        """A sitting, with a file that the user put there."""
        do = self.do
        number = self.known["number"]
        sitting = await do("create_note_session", note_id=number, summary="Revising")
        assert ids(await do("list_note_sessions", note_id=number)) == [sitting["id"]]
        assert (await do("end_note_session", session_id=sitting["id"], summary="Revised"))["ended_at"] is not None
        file = self.upload(number)
        assert ids(await do("list_attachments", note_id=number)) == [file]
        await do("delete_attachment", note_id=number, attachment_id=file, dry_run=True)
        await do("delete_attachment", note_id=number, attachment_id=file)
        assert ids(await do("list_attachments", note_id=number)) == []

    async def planning(self) -> None:
        """A week around a calendar."""
        do = self.do
        biology = self.known["biology"]
        feed = (await do("create_calendar_feed", title="Exams", raw_ical=CALENDAR))["id"]
        assert (await do("update_calendar_feed", feed_id=feed, title="All exams"))["title"] == "All exams"
        assert ids(await do("list_calendar_feeds")) == [feed]
        plan = await do("create_event", title="Revise", event_date="2031-05-06", difficulty_weight=3, course_id=biology)
        later = await do("update_event", event_id=plan["id"], event_date="2031-05-08")
        assert later["event_date"] == "2031-05-08"
        week = await do("get_activity_week", start_date="2031-05-05")
        assert [entry["title"] for day in week["days"] for entry in day["events"]] == ["Exam", "Revise"]
        assert ids(await do("list_events")) == [plan["id"]]
        assert (await do("update_event", event_id=plan["id"], is_completed=True))["is_completed"] is True
        assert ids(await do("list_events")) == []
        assert ids(await do("list_events", include_completed=True)) == [plan["id"]]
        await do("delete_event", event_id=plan["id"], dry_run=True)
        assert await do("delete_event", event_id=plan["id"]) == {"deleted": True, "event_id": plan["id"]}
        await do("delete_calendar_feed", feed_id=feed)
        assert ids(await do("list_recycle_bin", kind="event")) == [plan["id"]]
        assert (await do("restore_deleted", kind="event", id=plan["id"]))["title"] == "Revise"

    async def evening(self) -> None:
        """What was done, and tidying up."""
        do = self.do
        inbox, physics, number = (self.known["inbox"], self.known["physics"], self.known["number"])
        assert ids(await do("get_recent_activity"))[0] == ids(await do("get_activity", limit=1))[0] == number
        await do("update_note", note_id=number, course_id=physics)
        await do("delete_course", course_id=physics, dry_run=True)
        await do("delete_course", course_id=physics)
        assert (await do("get_note", note_id=number))["course_id"] == inbox
        await do("delete_note", note_id=number)
        assert ids(await do("list_deleted_notes")) == [number]
        assert await self.refused("get_note", note_id=number)
        assert (await do("restore_deleted_note", note_id=number))["title"] == "Mitosis"
        await do("delete_note", note_id=number)
        await do("empty_recycle_bin", dry_run=True)
        await do("empty_recycle_bin")
        assert ids(await do("list_deleted_notes")) == []
