"""Two accounts with two devices each that do to notes and courses whatever can be done to them over HTTP."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

EXPECTED = {200, 201, 204, 400, 404, 409, 412}
"""What steps may be answered with: done, or refused for what has become of the note. Never what a broken server says."""


@dataclass(frozen=True)
class Step:
    """One thing that a device does. `pick` chooses what it is done to, `knows` what the device says of the state that it saw."""

    kind: str
    device: int
    pick: int = 0
    text: str = ""
    knows: str = "nothing"


@dataclass
class Account:
    """What one account has made, and what was acknowledged to it."""

    client: httpx.Client
    name: str
    notes: list[int] = field(default_factory=list)
    drafts: dict[int, str] = field(default_factory=dict)
    """Note -> name of the draft that it was made of."""
    courses: list[int] = field(default_factory=list)
    acknowledged: dict[int, list[str]] = field(default_factory=dict)
    """Note -> texts."""
    seen: list[dict[str, Any]] = field(default_factory=list)
    """Details of notes as they were answered."""

    def saved(self, note: dict[str, Any], *texts: str) -> None:
        """Remembers that these texts were acknowledged, and what the note has become."""
        note_id = note["id"]
        if note_id not in self.acknowledged:
            self.notes.append(note_id)
        self.acknowledged.setdefault(note_id, []).extend((*texts, note["content"]))
        self.seen.append(note)


class Household:
    """Devices 0 and 1 are the first account's, devices 2 and 3 the second account's."""

    def __init__(self, first: httpx.Client, second: httpx.Client) -> None:
        self.accounts = [Account(first, "first"), Account(second, "second")]
        self.numbers = itertools.count(1)
        self.bases: list[dict[int, dict[str, Any]]] = [{}, {}, {}, {}]
        """For each device the state of each note that it saw last."""
        for device in (0, 2):
            self.do(Step("create", device, text=f"the first text of device {device}"))

    def do_all(self, steps: Iterable[Step]) -> None:
        """Takes the steps in their order."""
        for step in steps:
            self.do(step)

    def do(self, step: Step) -> None:
        """Takes a step and remembers what was acknowledged."""
        account = self.accounts[step.device // 2]
        answer = getattr(self, f"_{step.kind}")(account, step)
        if answer is not None:
            assert answer.status_code in EXPECTED, f"{step}: {answer.status_code} {answer.text}"

    # What a step is done to.

    def _note(self, account: Account, step: Step) -> int:
        return account.notes[step.pick % len(account.notes)]

    def _base(self, account: Account, step: Step) -> dict[str, Any] | None:
        """The note as this device knows it; what it has never read it reads first."""
        note_id = self._note(account, step)
        if note_id not in self.bases[step.device]:
            answer = account.client.get(f"notes/{note_id}/")
            if answer.status_code != 200:
                return None
            self.bases[step.device][note_id] = answer.json()
        return self.bases[step.device][note_id]

    def _course(self, account: Account, step: Step) -> int | None:
        return account.courses[step.pick % len(account.courses)] if account.courses else None

    def _keep(self, account: Account, step: Step, answer: httpx.Response, *texts: str) -> httpx.Response:
        if answer.status_code in {200, 201}:
            note = answer.json()
            account.saved(note, *texts)
            self.bases[step.device][note["id"]] = note
        return answer

    def _keep_text(self, account: Account, step: Step, answer: httpx.Response) -> httpx.Response:
        """After a write whose answer does not show the note: what it is now was acknowledged."""
        if answer.status_code < 300:
            self._keep(account, step, account.client.get(f"notes/{self._note(account, step)}/"))
        return answer

    # Notes.

    def _create(self, account: Account, step: Step) -> httpx.Response:
        draft = f"draft_{account.name}_{next(self.numbers)}"
        body: dict[str, Any] = {"title": "One", "content": step.text, "client_draft_id": draft}
        if (course := self._course(account, step)) is not None:
            body["course_id"] = course
        answer = self._keep(account, step, account.client.post("notes/", json=body), step.text)
        account.drafts[answer.json()["id"]] = draft
        return answer

    def _replay(self, account: Account, step: Step) -> httpx.Response | None:
        draft = account.drafts.get(self._note(account, step))
        if draft is None:
            return None
        body = {"title": "Replayed", "content": step.text, "client_draft_id": draft}
        answer = account.client.post("notes/", json=body)
        account.drafts[answer.json()["id"]] = draft
        return self._keep(account, step, answer, step.text)

    def _fork(self, account: Account, step: Step) -> httpx.Response:
        """A save that failed comes back as a draft of its own."""
        metadata = {"offline_source_note_id": self._note(account, step)}
        body = {"title": "Fork", "content": step.text, "metadata_json": json.dumps(metadata)}
        body["client_draft_id"] = f"fork_{account.name}_{next(self.numbers)}"
        return self._keep(account, step, account.client.post("notes/", json=body), step.text)

    def _edit(self, account: Account, step: Step) -> httpx.Response | None:
        base = self._base(account, step)
        if base is None:
            return None
        body: dict[str, Any] = {"content": step.text, "title": f"Edited {step.pick}"}
        headers = {}
        if step.knows == "base_version":
            body["base_version"] = base["version"]
        elif step.knows == "if_match":
            headers["If-Match"] = f'"{base["version"]}"'
        elif step.knows == "last_edit":
            body["metadata_json"] = self._copied(account, base)
            body |= {"description": "", "course_id": None, "is_public": False, "editor_mode": "P"}
        answer = account.client.patch(f"notes/{base['id']}/", json=body, headers=headers)
        if answer.status_code == 412:
            self.bases[step.device][base["id"]] = answer.json()
        return self._keep(account, step, answer, step.text)

    @staticmethod
    def _copied(account: Account, base: dict[str, Any]) -> str:
        """What a device keeps about its copy of a cloud note."""
        try:
            metadata = json.loads(base["metadata_json"])
        except ValueError:
            metadata = {}
        return json.dumps(
            {
                **metadata,
                "pulled_from_cloud_note_id": base["id"],
                "pulled_from_account": account.name,
                "is_cloud_copy": True,
                "source_note_last_edit": base["last_edit"],
            }
        )

    def _insert(self, account: Account, step: Step) -> httpx.Response | None:
        """A line more somewhere in the text that the device knows, so that what others changed can be merged."""
        base = self._base(account, step)
        if base is None:
            return None
        lines = base["content"].split("\n")
        lines.insert(step.pick % (len(lines) + 1), step.text)
        text = "\n".join(lines)
        answer = account.client.patch(f"notes/{base['id']}/", json={"content": text, "base_version": base["version"]})
        return self._keep(account, step, answer, text)

    def _pull(self, account: Account, step: Step) -> httpx.Response:
        answer = account.client.get(f"notes/{self._note(account, step)}/")
        if answer.status_code == 200:
            self.bases[step.device][answer.json()["id"]] = answer.json()
        return answer

    def _publish(self, account: Account, step: Step) -> httpx.Response:
        body = {"is_public": step.knows == "nothing", "description": step.text}
        return self._keep(account, step, account.client.patch(f"notes/{self._note(account, step)}/", json=body))

    def _cover(self, account: Account, step: Step) -> httpx.Response:
        path = f"notes/{self._note(account, step)}/cover/"
        if step.knows == "nothing":
            return self._keep_text(account, step, account.client.delete(path))
        picture = ("cover.png", b"\x89PNG\r\n\x1a\n" + step.text.encode(), "image/png")
        return self._keep_text(account, step, account.client.post(path, files={"cover": picture}))

    # Blocks.

    def _add_block(self, account: Account, step: Step) -> httpx.Response:
        body = {"block_type": "NCQLSUIH"[step.pick % 8], "text": step.text}
        return self._keep_text(account, step, account.client.post(f"notes/{self._note(account, step)}/blocks/", json=body))

    def _block(self, account: Account, step: Step) -> str | None:
        """The address of one of the blocks that the device knows, which may be gone meanwhile."""
        base = self._base(account, step)
        return f"blocks/{base['blocks'][step.pick % len(base['blocks'])]['id']}/" if base and base["blocks"] else None

    def _change_block(self, account: Account, step: Step) -> httpx.Response | None:
        block = self._block(account, step)
        return self._keep_text(account, step, account.client.patch(block, json={"text": step.text})) if block else None

    def _delete_block(self, account: Account, step: Step) -> httpx.Response | None:
        block = self._block(account, step)
        return self._keep_text(account, step, account.client.delete(block)) if block else None

    def _reorder(self, account: Account, step: Step) -> httpx.Response | None:
        base = self._base(account, step)
        if base is None:
            return None
        order = [block["id"] for block in reversed(base["blocks"])]
        answer = account.client.post(f"notes/{base['id']}/reorder/", json={"ordered_block_ids": order})
        return self._keep_text(account, step, answer)

    def _write_blocks(self, account: Account, step: Step) -> httpx.Response:
        blocks = [{"block_type": "T", "text": "Title"}, {"block_type": "N", "text": step.text}, {"block_type": "C", "text": step.text}]
        return self._keep(account, step, account.client.patch(f"notes/{self._note(account, step)}/", json={"blocks": blocks}))

    # Courses.

    def _make_course(self, account: Account, step: Step) -> httpx.Response:
        body = {"title": f"Course {step.pick}", "description": step.text, "client_course_id": f"course_{step.pick % 3}"}
        answer = account.client.post("courses/", json=body)
        if answer.json()["id"] not in account.courses:
            account.courses.append(answer.json()["id"])
        return answer

    def _file(self, account: Account, step: Step) -> httpx.Response:
        body = {"course_id": self._course(account, step)}
        return self._keep(account, step, account.client.patch(f"notes/{self._note(account, step)}/", json=body))

    def _delete_course(self, account: Account, step: Step) -> httpx.Response | None:
        course = self._course(account, step)
        return account.client.delete(f"courses/{course}/") if course else None

    def _restore_course(self, account: Account, step: Step) -> httpx.Response | None:
        course = self._course(account, step)
        return account.client.post(f"recycle-bin/course/{course}/restore/") if course else None

    # The recycle bin.

    def _delete(self, account: Account, step: Step) -> httpx.Response:
        return account.client.delete(f"notes/{self._note(account, step)}/")

    def _recover(self, account: Account, step: Step) -> httpx.Response:
        return self._keep(account, step, account.client.post(f"notes/{self._note(account, step)}/restore/"))

    def _empty(self, account: Account, step: Step) -> httpx.Response:
        gone = {note["id"] for note in account.client.get("notes/deleted/").json()}
        answer = account.client.delete("notes/deleted/empty/")
        assert answer.json()["count"] == len(gone)
        for note_id in gone:
            account.acknowledged.pop(note_id, None)
            account.drafts.pop(note_id, None)
        account.seen = [note for note in account.seen if note["id"] not in gone]
        account.notes = [note_id for note_id in account.notes if note_id not in gone]
        if not account.notes:
            self._create(account, step)
        return answer

    # Versions and undo.

    def _snapshot(self, account: Account, step: Step) -> httpx.Response:
        return account.client.post(f"notes/{self._note(account, step)}/snapshot/", json={"reason": "autosave_1m"})

    def _go_back(self, account: Account, step: Step) -> httpx.Response | None:
        base = self._base(account, step)
        if base is None:
            return None
        version = 1 + step.pick % base["version"]
        return self._keep(account, step, account.client.post(f"notes/{base['id']}/restore/{version}/"))

    def _undo(self, account: Account, step: Step) -> httpx.Response:
        return account.client.post("undo/")

    def _undo_named(self, account: Account, step: Step) -> httpx.Response | None:
        changes = account.client.get("changes/").json()["results"]
        return account.client.post("undo/", json={"change": changes[step.pick % len(changes)]["id"]}) if changes else None

    # What belongs to the other account.

    def _trespass(self, account: Account, step: Step) -> None:
        """Writes of all kinds to a note and a course of the other account: refused, and nothing is changed."""
        other = self.accounts[1 - step.device // 2]
        note_id, client = self._note(other, step), account.client
        before = self.shown(other)
        note = other.seen[-1]
        # A note whose last block was deleted has none.
        block = next(block["id"] for seen in reversed(other.seen) for block in seen["blocks"])
        writes = [
            client.patch(f"notes/{note_id}/", json={"content": step.text, "metadata_json": self._copied(account, note)}),
            client.delete(f"notes/{note_id}/"),
            client.post(f"notes/{note_id}/restore/"),
            client.post(f"notes/{note_id}/restore/1/"),
            client.post(f"notes/{note_id}/snapshot/"),
            client.post(f"notes/{note_id}/blocks/", json={"block_type": "N", "text": step.text}),
            client.delete(f"blocks/{block}/"),
            client.patch(f"blocks/{block}/", json={"text": step.text}),
        ]
        for course in other.courses:
            writes += [
                client.delete(f"courses/{course}/"),
                client.patch(f"courses/{course}/", json={"title": "Mine"}),
                client.post(f"recycle-bin/course/{course}/restore/"),
            ]
        change = other.client.get("changes/").json()["results"][0]["id"]
        writes.append(client.post("undo/", json={"change": change}))
        assert {write.status_code for write in writes} <= {400, 403, 404}, [(w.request.url, w.status_code) for w in writes]
        # Filed in a foreign course, forked from a foreign note: the note is one's own, in the own Inbox.
        body = {"title": "Mine", "content": step.text, "metadata_json": json.dumps({"offline_source_note_id": note_id})}
        mine = client.post("notes/", json={**body, **({"course_id": other.courses[0]} if other.courses else {})}).json()
        account.saved(mine, step.text)
        assert (mine["offline_source_note_id"], mine["course_id"] in other.courses) == (None, False)
        assert self.shown(other) == before

    @staticmethod
    def shown(account: Account) -> dict[str, str]:
        """All that the account is shown of its own things."""
        paths = ["courses/", "notes/deleted/", "recycle-bin/", "changes/"]
        for note_id in account.notes:
            paths += [f"notes/{note_id}/", f"notes/{note_id}/history/?include=edits&limit=100"]
        shown = {path: account.client.get(path).text for path in paths}
        shown["courses/"] = json.dumps([c for c in json.loads(shown["courses/"]) if c["is_owned"]])
        return shown

    # What has to hold in the end.

    def lost(self) -> list[tuple[int, str]]:
        """Acknowledged texts that are not in the history of their notes."""
        return [
            (note_id, text)
            for account in self.accounts
            for note_id, texts in account.acknowledged.items()
            for kept in [set(_history(account.client, note_id))]
            for text in texts
            if text not in kept
        ]

    def misremembered(self, most: int) -> list[tuple[dict[str, Any], Any]]:
        """Answers to saves, the latest ones, that cannot be read again by their version."""
        wrong: list[tuple[dict[str, Any], Any]] = []
        for account in self.accounts:
            for note in account.seen[-most:]:
                past = account.client.get(f"notes/{note['id']}/", params={"as_of": str(note["version"])}).json()
                if _last_edit(past) != _last_edit(note) or any(past.get(name) != note[name] for name in REMEMBERED):
                    wrong.append((note, past))
        return wrong


REMEMBERED = (
    "title",
    "description",
    "content",
    "metadata_json",
    "is_public",
    "editor_mode",
    "course_id",
    "course",
    "cover_image_url",
    "blocks",
)


def _last_edit(note: dict[str, Any]) -> Any:
    """As readers are told it: the answer to a device with a copy tells a time of its own."""
    try:
        metadata = json.loads(note.get("metadata_json") or "{}")
    except ValueError:
        metadata = None
    return metadata.get("source_note_last_edit", note.get("last_edit")) if isinstance(metadata, dict) else note.get("last_edit")


def _history(client: httpx.Client, note_id: int) -> Iterator[str]:
    """Every text of a note's history, page by page; a note in the recycle bin is taken out of it."""
    if client.get(f"notes/{note_id}/").status_code == 404:
        assert client.post(f"notes/{note_id}/restore/").status_code == 200, note_id
    params: dict[str, Any] = {"include": "edits", "limit": 100}
    while page := client.get(f"notes/{note_id}/history/", params=params).json():
        yield from (version["content"] for version in page)
        params["before"] = page[-1]["id"]
