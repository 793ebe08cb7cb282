"""Everything that a person can have, under the names that routes and tools call things by."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from tests.accounts.mailbox import codes_for
from tests.accounts.people import PASSWORD
from tests.mcp.people import Keeper, make_keeper
from wiring import Services

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPj/HwADAgH/5BNK5wAAAABJRU5ErkJggg==")
CALENDAR = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20310506T100000Z\r\nSUMMARY:{word}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


@dataclass(frozen=True)
class Belongings:
    """A person, and what to put into a place by its name. Where one name means several things it is `<route> <name>`.

    word: stands in everything that nobody else may read.
    """

    keeper: Keeper
    word: str
    named: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        """Those of the session."""
        return self.keeper.person.headers

    def of(self, route: str, name: str) -> Any:
        """What belongs into this place."""
        return self.named.get(f"{route} {name}", self.named.get(name))


def make_belongings(client: httpx.Client, services: Services, word: str) -> Belongings:
    """A new person who has one of everything, and some of it in the recycle bin."""
    keeper = make_keeper(client, services)
    rest = keeper.rest

    def upload(path: str, part: str, name: str, content: bytes) -> Any:
        answer = client.post(f"/api/v1{path}", headers=keeper.person.headers, files={part: (name, content)})
        assert answer.status_code < 300, answer.text
        return answer.json()

    course = rest("POST", "courses/", {"title": f"Course {keeper.person.username}", "client_course_id": f"course-{keeper.person.username}"})
    # So many changes before the snapshot that no version of one person's note is by chance one of another's.
    text = {"title": word, "content": f"{word} one\n\ntwo", "description": word, "course_id": course["id"]}
    note = rest("POST", "notes/", {**text, "client_draft_id": f"draft-{keeper.person.username}"})
    for number in range(keeper.person.account_id * 2):
        rest("PATCH", f"notes/{note['id']}/", {"content": f"{word} {number}\n\ntwo"})
    version = rest("POST", f"notes/{note['id']}/snapshot/", {"reason": word})["id"]
    attachment = upload(f"/notes/{note['id']}/attachments/", "file", f"{word}.txt", word.encode())
    upload(f"/notes/{note['id']}/cover/", "cover", "cover.png", PNG)
    event = rest(
        "POST", "planner-events/", {"title": word, "event_date": "2031-05-06", "client_event_id": f"event-{keeper.person.username}"}
    )
    feed = rest("POST", "calendar-feeds/", {"title": word, "raw_ical": CALENDAR.format(word=word)})
    sitting = rest("POST", "note-sessions/", {"note_id": note["id"], "title": word, "started_at": "2031-05-06T10:00:00Z"})
    address = rest("POST", "calendar-addresses/", {"label": word})
    calendar = "/calendar/" + address["url"].rpartition("/")[2]
    assert word in client.get(calendar).text
    other = client.post("/api/v1/auth/login/", json={"identifier": keeper.person.username, "password": PASSWORD}).json()
    binned = _fill_bin(keeper, note["id"], word, upload)
    email = keeper.person.email
    rest("POST", "auth/send-identity-code/", {})
    identity_code = codes_for(services, email)[-1]
    rest("POST", "auth/password-reset/", {"email": email})
    reset_code = codes_for(services, email)[-1]
    blocks = [block["id"] for block in rest("GET", f"notes/{note['id']}/blocks/")]
    change = rest("GET", "changes/?limit=1")["results"][0]["id"]
    named: dict[str, Any] = {
        **binned,
        "note_id": note["id"], "uuid": note["uuid"], "note_uuid": note["uuid"], "source_note_uuid": note["uuid"],
        "version_id": version, "old": version, "new": version, "base_version": version, "as_of": version, "before": change,
        "from_version": version, "to_version": version, "at": version, "expected_version": str(version), "change_id": str(change),
        "attachment_id": attachment["id"], "block_id": blocks[0], "ordered_block_ids": blocks, "change": change, "key": keeper.key[:8],
        "course_id": course["id"], "course_ids": [course["id"]],
        "event_id": event["id"], "feed_id": feed["id"], "session_id": sitting["id"], "address_id": address["id"],
        "DELETE /api/v1/auth/sessions/{session_id:int}/ session_id": other["session"]["id"],
        "name": calendar.rpartition("/")[2], "path": attachment["url"].partition("/media/")[2],
        **{f"client_{kind}_id": f"{kind}-{keeper.person.username}" for kind in ("draft", "course", "event")},
        "identity_code": identity_code, "code": identity_code,
        "POST /api/v1/auth/password-reset/confirm/ code": reset_code,
        "email": email, "new_email": email, "username": keeper.person.username, "identifier": keeper.person.username,
        "q": word,
        "metadata_json": orjson.dumps({"offline_source_note_id": note["id"], "pulled_from_cloud_note_id": note["id"]}).decode(),
        "cursor": keeper.call("list_changes", limit=1)["next_cursor"],
    }  # fmt: skip
    return Belongings(keeper, word, named)


def _fill_bin(keeper: Keeper, note_id: int, word: str, upload: Any) -> dict[str, Any]:
    """One of each kind, deleted."""
    note = keeper.rest("POST", "notes/", {"title": f"{word} deleted", "content": word})["id"]
    attachment = upload(f"/notes/{note_id}/attachments/", "file", f"{word}-deleted.txt", word.encode() * 2)["id"]
    course = keeper.rest("POST", "courses/", {"title": f"{word} deleted"})["id"]
    event = keeper.rest("POST", "planner-events/", {"title": f"{word} deleted", "event_date": "2031-05-06"})["id"]
    feed = keeper.rest("POST", "calendar-feeds/", {"title": f"{word} deleted", "raw_ical": CALENDAR.format(word=word)})["id"]
    for path in (f"notes/{note}/", f"notes/{note_id}/attachments/{attachment}/", f"courses/{course}/", f"planner-events/{event}/",
                 f"calendar-feeds/{feed}/"):  # fmt: skip
        keeper.rest("DELETE", path)
    kinds = {"note": note, "attachment": attachment, "course": course, "event": event, "calendar": feed}
    return {
        "POST /api/v1/notes/{note_id:int}/restore/ note_id": note,
        "restore_deleted_note note_id": note,
        "restore_deleted id": event,
        **{f"POST /api/v1/recycle-bin/{kind}/{{id:int}}/restore/ id": number for kind, number in kinds.items()},
    }
