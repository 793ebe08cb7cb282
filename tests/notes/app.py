"""An app on one device, as the shipped ones synchronise (contract: clients 4, 6 and 7)."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx


class Device:
    """A client of its account, drafts that are only here, copies of cloud notes."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        self.client = client
        self.name = name
        self.username: str = client.get("settings/").json()["username"]
        self.drafts: list[dict[str, Any]] = []
        self.courses: list[dict[str, Any]] = []
        self.copies: dict[int, dict[str, Any]] = {}
        self.numbers = itertools.count(1)

    def draft(self, title: str, content: str, course: int | None = None, **metadata: Any) -> dict[str, Any]:
        """Writes a note while there is no network."""
        draft = {
            "title": title,
            "description": content[:180],
            "content": content,
            "editor_mode": "P",
            "client_draft_id": f"draft_{self.name}_{next(self.numbers)}",
            "metadata": {"section": "", "autosave": False, "course_id": course, **metadata},
        }
        self.drafts.append(draft)
        return draft

    def push(self) -> list[dict[str, Any]]:
        """Uploads courses, then drafts, one by one, reading the first page of the list after each."""
        for course in self.courses:
            answer = self.client.post(
                "courses/", json={"title": course["title"], "description": "", "client_course_id": course["client_id"]}
            )
            course["id"] = self.ok(answer)["id"]
        uploaded = []
        for draft in self.drafts:
            note = self.upload(draft)
            page = self.ok(self.client.get("notes/", params={"limit": 20, "offset": 0, "scope": "personal"}))
            assert note["id"] in [found["id"] for found in page["results"]]
            uploaded.append(note)
        self.drafts = []
        return uploaded

    def upload(self, draft: dict[str, Any]) -> Any:
        """One draft, in a course only if that has an id of the server."""
        metadata = dict(draft["metadata"])
        for course in self.courses:
            if metadata["course_id"] == course["local_id"]:
                metadata["course_id"] = course["id"]
        body = {name: value for name, value in draft.items() if name != "metadata"}
        if (metadata["course_id"] or 0) > 0:
            body["course_id"] = metadata["course_id"]
        return self.ok(self.client.post("notes/", json={**body, "metadata_json": json.dumps(metadata), "is_public": False}))

    def pull(self) -> None:
        """All notes, page by page, then each of them."""
        offset, more = 0, True
        while more:
            page = self.ok(self.client.get("notes/", params={"limit": 50, "offset": offset, "scope": "personal"}))
            for summary in page["results"]:
                note = self.ok(self.client.get(f"notes/{summary['id']}/"))
                metadata = {
                    **json.loads(note["metadata_json"]),
                    "pulled_from_cloud_note_id": note["id"],
                    "pulled_from_account": self.username,
                    "is_cloud_copy": True,
                    "source_note_last_edit": note["last_edit"],
                }
                self.copies[note["id"]] = {**note, "metadata": metadata}
            offset += 50
            more = page["has_more"] is True and bool(page["results"])

    def push_copy(self, note_id: int, content: str) -> Any:
        """Uploads an edited copy, whatever the cloud note has become."""
        copy = self.copies[note_id]
        body = {
            "title": copy["title"],
            "description": copy["description"],
            "content": content,
            "editor_mode": copy["editor_mode"],
            "course_id": copy["metadata"].get("course_id"),
            "metadata_json": json.dumps(copy["metadata"]),
            "is_public": False,
        }
        note = self.ok(self.client.patch(f"notes/{note_id}/", json=body))
        copy["metadata"]["source_note_last_edit"] = note["last_edit"]
        return note

    def begin(self) -> dict[str, Any]:
        """What the editor, then the planner, ask when they are started."""
        ask = self.client.get
        found = {"front_page": self.ok(ask("front-page/")), "courses": self.ok(ask("courses/"))}
        (inbox,) = [course for course in found["courses"] if course["is_default"]]
        found["inbox"] = self.ok(ask(f"courses/{inbox['id']}/notes/"))
        found["deleted"] = self.ok(ask("notes/deleted/"))
        found["page"] = self.ok(ask("notes/", params={"limit": 20, "offset": 0, "scope": "personal"}))
        assert isinstance(self.ok(ask("activity/")), list)
        for path in ("planner-events/", "calendar-feeds/"):
            assert self.ok(ask(path)) == []
        assert len(self.ok(ask("activity/week/", params={"start_date": "2026-04-20"}))["days"]) == 7
        assert self.ok(ask("notes/", params={"limit": 20, "offset": 0})) == found["page"]
        return found

    def save_or_fork(self, note: dict[str, Any], content: str) -> Any:
        """A save that fails for whatever reason becomes a draft of its own."""
        try:
            return self.save(note, content)
        except AssertionError:
            return self.draft(note["title"], content, **{**json.loads(note["metadata_json"]), "offline_source_note_id": note["id"]})

    def send_queued(self, note: dict[str, Any], files: dict[str, bytes]) -> Any:
        """Files that could not be uploaded before: each is sent, its local link replaced, the note patched."""
        content = note["content"]
        for name, sent in files.items():
            path = f"notes/uuid/{note['uuid']}/attachments/"
            attachment = self.ok(self.client.post(path, files={"file": (name, sent, "application/octet-stream")}))
            content = content.replace(f"local://draft/{name}", attachment["url"])
        metadata = {name: value for name, value in json.loads(note["metadata_json"]).items() if name != "queued_attachments"}
        return self.ok(self.client.patch(f"notes/{note['id']}/", json={"content": content, "metadata_json": json.dumps(metadata)}))

    def save(self, note: dict[str, Any], content: str) -> Any:
        """What the editor does after a pause: description, course and visibility come out of the metadata."""
        metadata = json.loads(note["metadata_json"])
        body = {
            "title": note["title"],
            "description": metadata.get("description") or "",
            "course_id": metadata.get("course_id"),
            "is_public": metadata.get("is_public") is True,
            "content": content,
            "metadata_json": note["metadata_json"],
            "editor_mode": note["editor_mode"],
        }
        return self.ok(self.client.patch(f"notes/{note['id']}/", json=body))

    @staticmethod
    def ok(answer: httpx.Response) -> Any:
        """The object of an answer that the app would take."""
        assert answer.status_code < 400, answer.text
        return answer.json()
