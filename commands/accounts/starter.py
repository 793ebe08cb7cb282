"""What a new account begins with: its Inbox and a note that shows it around (contract: planner_platform 13.4)."""

from __future__ import annotations

from commands.accounts.aggregate import Account
from commands.courses.inbox import inbox_of
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note, word_count
from commands.notes.blocks import GivenBlock, arranged
from eventstore.events import notes
from eventstore.identifiers import unique_uuid

TITLE = "Welcome to Notechondria"
DESCRIPTION = "A first look around"
CONTENT = """This note is yours: change it, move it, or throw it away.

- **Editor** is where notes are written. It works offline and brings everything up to date once there is a network again.
- **Planner** holds courses, events and deadlines, beside the calendars that you follow.
- **Portal** shows what others have published, and all of the above in one place.

## Keyboard

- `Ctrl` + `S` saves at once; otherwise a note is saved while you pause.
- `Ctrl` + `B` and `Ctrl` + `I` make the selected words bold or italic.

Notes that belong to no course wait in your Inbox, this one too. Make a course whenever a subject deserves a shelf of its own.
"""


def give_starter_content(work: Work[Lookups], account: Account) -> None:
    """The Inbox and the welcome note of an account that is being opened, in the same transaction."""
    course_id = inbox_of(work, account.number)
    note = work.new(Note, work.lookups.next_id("note"))
    note.trigger(
        notes.NoteCreated,
        work.context.now,
        owner_id=account.number,
        uuid=unique_uuid(),
        title=TITLE,
        description=DESCRIPTION,
        content=CONTENT,
        metadata_json="{}",
        course_id=course_id,
        is_public=False,
        editor_mode="G",
        note_type="N",
        source_note_uuid=None,
        client_draft_id=None,
        words=word_count(CONTENT),
    )
    title_and_text = (GivenBlock(block_type="T", text=TITLE), GivenBlock(block_type="N", text=CONTENT))
    note.write_blocks(arranged(note.number, (), title_and_text, note.version, work.context.now), work.context.now)
