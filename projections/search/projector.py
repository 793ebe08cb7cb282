"""Events of notes -> the index. It follows the log; notes that it has not come to yet are searched directly (queries.py)."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.events import Event, notes
from eventstore.events.base import stream_number
from eventstore.splices import Splice
from projections.base import Projection, Row, Table, handles, unstored
from projections.gathering import GatheringText
from projections.rows import Rows
from projections.search.text import TITLE, folded, parts_of_text, stored, title_term


@dataclass(slots=True)
class EntryRow(GatheringText, Row):
    """What the index knows of a note. Who may read the note is not decided here: that is asked of the note itself."""

    note_id: int
    owner_id: int
    course_id: int | None
    is_public: bool
    is_deleted: bool
    title: str
    description: str
    content: str
    """Title, description and content are folded when the row is written."""
    terms: str = ""
    """Parts of all texts, parts of the title behind ^, the whole title, and owner<id>, course<id>, with blanks between them."""
    mark: int = 0
    splices: list[Splice] | None = unstored(None)  # noqa: RUF009 - a field

    def finish(self) -> None:
        """Folds the texts and works out the terms; what is deleted has none."""
        self.title, self.description = folded(self.title), folded(self.description)
        content = self.content = folded(self.whole())
        if self.is_deleted:
            self.terms = ""
            return
        title = parts_of_text(self.title)
        terms = parts_of_text(content)
        terms |= parts_of_text(self.description)
        terms |= title
        terms.update(TITLE + part for part in title)
        terms.add(title_term(self.title))
        terms.add(owner_term(self.owner_id))
        if self.course_id is not None:
            terms.add(course_term(self.course_id))
        self.terms = stored(terms)


PUBLIC, PRIVATE = "p", "x"
"""The index keeps notes that are public and those that are not apart."""
BLOCK_BITS = 16
"""And it keeps apart each 65 536 notes that were made one after another: how long a list gets, and so how long it takes to go
through several of them side by side, is bounded, and the newest notes are come to first."""


def owner_term(account_id: int) -> str:
    """What the notes of an account have in common."""
    return f"owner{account_id}"


def course_term(course_id: int) -> str:
    """What the notes of a course have in common."""
    return f"course{course_id}"


def _keys(of: str) -> str:
    """The terms of an entry, each behind the kind and the block of its note, as an SQL expression."""
    prefix = f"(CASE WHEN {of}is_public THEN '{PUBLIC}' ELSE '{PRIVATE}' END || to_hex({of}note_id >> {BLOCK_BITS}) || '/')"
    return f"string_to_array({prefix} || replace({of}terms, ' ', ' ' || {prefix}) COLLATE \"C\", ' ')"


ENTRIES = Table(
    "entries",
    EntryRow,
    key=("note_id",),
    stream="note",
    # Narrow rows, with all texts out of line: a frequent word touches many rows and few texts. Compressing the content took longer than
    # all else that is done to store it.
    storage="SET (toast_tuple_target = 128), ALTER content SET STORAGE external",
    # Nobody waits for this index to be written, so it is kept free of the pending list that readers would have to go through. It is built
    # by several processes, for which the table looks too small since its texts lie out of line; queries shall not be.
    ddl=f"""
    ALTER TABLE {{schema}}.entries SET (parallel_workers = 2);
    CREATE INDEX entries_terms ON {{schema}}.entries USING gin (({_keys("")})) WITH (fastupdate = off);
    ALTER TABLE {{schema}}.entries RESET (parallel_workers);
    -- Notes of these kinds (p, x) that have all the terms, about the newest first. Of the notes of a block the first sixty that
    -- the index gives are looked at: more would be many pages of the table, to tell which of all that match are the very newest.
    -- For a LIMIT the planner likes to read the whole table, which is right for words that most notes have and very slow for
    -- all others; and to plan anew for each block takes longer than the block.
    CREATE FUNCTION {{schema}}.lookup(kinds text[], wanted text[], most integer) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE ROWS 60 SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
    DECLARE
        block bigint := (SELECT max(note_id) >> {BLOCK_BITS} FROM search.entries);
        missing integer := most;
        found integer;
        kind text;
        prefix text;
    BEGIN
        WHILE block IS NOT NULL AND missing > 0 LOOP
            FOREACH kind IN ARRAY kinds LOOP
                prefix := kind || to_hex(block) || '/';
                RETURN QUERY
                    SELECT seen.note_id
                    FROM (SELECT e.note_id, e.mark FROM search.entries e
                          WHERE {_keys("e.")} @> string_to_array(prefix || array_to_string(wanted, ' ' || prefix), ' ')
                          LIMIT 60) seen
                    ORDER BY seen.mark DESC LIMIT missing;
                GET DIAGNOSTICS found = ROW_COUNT;
                missing := missing - found;
            END LOOP;
            block := (SELECT max(note_id) >> {BLOCK_BITS} FROM search.entries WHERE note_id < block << {BLOCK_BITS});
        END LOOP;
    END $$;
    """,
)


class Search(Projection):
    """The index of words."""

    name = "search"
    version = 5
    lifecycle = "following"
    tables = (ENTRIES,)
    slow_to_index = True

    @handles(notes.NoteCreated)
    def created(self, rows: Rows, event: notes.NoteCreated) -> None:
        """A new note."""
        row = EntryRow(
            note_id=stream_number(event.originator_id),
            owner_id=event.owner_id,
            course_id=event.course_id,
            is_public=event.is_public,
            is_deleted=False,
            title=event.title,
            description=event.description or "",
            content=event.content,
        )
        rows.add(ENTRIES, row, event)

    @handles(notes.NoteTextSpliced)
    def text_spliced(self, rows: Rows, event: notes.NoteTextSpliced) -> None:
        """A span of the text changed. Folding keeps places, so in a text that was read folded the span is the same one."""
        if row := self._due(rows, event):
            row.splice(event.splice)

    @handles(notes.NoteTextReplaced)
    def text_replaced(self, rows: Rows, event: notes.NoteTextReplaced) -> None:
        """The whole text changed."""
        if row := self._due(rows, event):
            row.replace(event.content)

    @handles(notes.NoteRenamed)
    def renamed(self, rows: Rows, event: notes.NoteRenamed) -> None:
        """Another title."""
        if row := self._due(rows, event):
            row.title = event.title

    @handles(notes.NoteDescribed)
    def described(self, rows: Rows, event: notes.NoteDescribed) -> None:
        """Another description."""
        if row := self._due(rows, event):
            row.description = event.description or ""

    @handles(notes.NoteFiled)
    def filed(self, rows: Rows, event: notes.NoteFiled) -> None:
        """Another course."""
        if row := self._due(rows, event):
            row.course_id = event.course_id

    @handles(notes.NotePublished)
    def published(self, rows: Rows, event: Event) -> None:
        """Found by everybody."""
        if row := self._due(rows, event):
            row.is_public = True

    @handles(notes.NoteUnpublished)
    def unpublished(self, rows: Rows, event: Event) -> None:
        """Found by its author only."""
        if row := self._due(rows, event):
            row.is_public = False

    @handles(notes.NoteDeleted)
    def deleted(self, rows: Rows, event: Event) -> None:
        """Found by nobody."""
        if row := self._due(rows, event):
            row.is_deleted = True
            row.is_public = False

    @handles(notes.NoteRestored)
    def restored(self, rows: Rows, event: Event) -> None:
        """Found again."""
        if row := self._due(rows, event):
            row.is_deleted = False

    @handles(notes.NotePurged)
    def purged(self, rows: Rows, event: Event) -> None:
        """Gone for good."""
        rows.remove(ENTRIES, stream_number(event.originator_id))

    def _due(self, rows: Rows, event: Event) -> EntryRow | None:
        return rows.due(ENTRIES, stream_number(event.originator_id), event)
