"""Putting the sample courses into the store: once at start, and again when a staff member asks for it.

A start only makes courses that were never there: what people have changed or deleted stays so. Being asked for restores
deleted courses, refreshes titles and descriptions, and adds notes whose titles are missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from commands.accounts.operators import CreateAccount, create_account
from commands.context import Context
from commands.courses.aggregate import Course
from commands.courses.bin import bring_back
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from commands.notes.blocks import GivenBlock, arranged
from commands.samples.material import Material, MaterialMissing, read_material
from eventstore.blobs import Blobs, new_path
from eventstore.events import courses, notes
from eventstore.identifiers import unique_uuid

OWNER_WITHOUT_ADMINISTRATOR = "sample-course-owner"
DEMO_OWNER = "CodeX"
DESCRIPTION_LENGTH = 240
FOLDER = "course_samples"


@dataclass
class Seeding:
    """One run. `log` tells what was done, one line each; it holds no secrets, and the accounts have no password to tell."""

    handling: Handling[Lookups]
    blobs: Blobs
    context: Context
    log: list[str] = field(default_factory=list)

    def make_missing(self, root: Path | None) -> None:
        """Makes the courses that were never there. Raises MaterialMissing."""
        for nth, material in enumerate(read_material(root)):
            if self.handling.lookups.course_by_slug(material.course.slug) is None:
                self._seed(material, self._owner(nth))

    def restore(self, root: Path | None) -> None:
        """Makes, brings back and refreshes all courses. Raises MaterialMissing."""
        for nth, material in enumerate(read_material(root)):
            self._seed(material, self._owner(nth))

    def _owner(self, nth: int) -> int:
        lookups = self.handling.lookups
        administrator = lookups.first_superuser() if nth == 0 else None
        if administrator is not None:
            return administrator
        username = OWNER_WITHOUT_ADMINISTRATOR if nth == 0 else DEMO_OWNER
        known = lookups.account_of_username(username)
        if known is not None:
            return known
        account = CreateAccount(username=username, email=f"{username.lower()}@localhost", password=None)
        made = create_account(self.handling, account, self.context)
        self.log.append(f"Made the account {username}, which nobody can sign in to.")
        return made

    def _seed(self, material: Material, owner_id: int) -> None:
        slug = material.course.slug
        known = self.handling.lookups.course_by_slug(slug)
        files = self._store_files(material, known)
        texts = {note.title: material.text(note) for note in material.course.notes}
        lines: list[str] = []

        def decide(work: Work[Lookups]) -> None:
            lines.clear()
            course = _course(work, material, owner_id, files, lines)
            _add_pictures(work, course, material, files, lines)
            _add_notes(work, course, owner_id, texts, lines)

        self.handling.run(decide, self.context)
        self.log += lines or [f"{slug}: nothing to do."]

    def _store_files(self, material: Material, known: int | None) -> dict[str, str]:
        """Files that are needed -> where they were stored. A course that is there keeps its cover and its pictures.

        One that is missing costs nothing but itself (contract: planner_platform 13.3).
        """
        there = set() if known is None else self.handling.run(lambda work: _pictures_of(work.find(Course, known)), self.context).result
        cover = [material.course.cover_image] if known is None and material.course.cover_image else []
        missing = [picture.path for picture in material.course.pictures if (picture.title, picture.source) not in there]
        stored = {}
        for path in dict.fromkeys([*cover, *missing]):
            try:
                content = material.content(path)
            except MaterialMissing as missed:
                self.log.append(str(missed))
                continue
            stored[path] = new_path(FOLDER, Path(path).name)
            self.blobs.put_now(stored[path], content)
        return stored


def _course(work: Work[Lookups], material: Material, owner_id: int, files: dict[str, str], lines: list[str]) -> Course:
    sample, now = material.course, work.context.now
    known = work.lookups.course_by_slug(sample.slug)
    course = work.find(Course, known) if known is not None else None
    if course is None:
        course = work.new(Course, work.lookups.next_id("course"))
        course.trigger(
            courses.CourseCreated,
            now,
            owner_id=owner_id,
            title=sample.title,
            description=sample.description,
            slug=sample.slug,
            icon=sample.icon,
            is_default=False,
            client_course_id=None,
            cover_path=files.get(sample.cover_image, ""),
        )
        if sample.color_hue is not None:
            course.trigger(courses.CourseColorChanged, now, color_hue=sample.color_hue)
        lines.append(f"{sample.slug}: made.")
        return course
    if course.is_deleted:
        bring_back(work, course)
        lines.append(f"{sample.slug}: brought back from the recycle bin.")
    if course.title != sample.title:
        course.trigger(courses.CourseRenamed, now, title=sample.title)
        lines.append(f"{sample.slug}: title refreshed.")
    if course.description != sample.description:
        course.trigger(courses.CourseDescribed, now, description=sample.description)
        lines.append(f"{sample.slug}: description refreshed.")
    return course


def _add_pictures(work: Work[Lookups], course: Course, material: Material, files: dict[str, str], lines: list[str]) -> None:
    there = _pictures_of(course)
    for picture in material.course.pictures:
        if (picture.title, picture.source) not in there and picture.path in files:
            shown = {
                "id": work.lookups.next_id("course_media"),
                "title": picture.title,
                "description": picture.description,
                "source": picture.source,
                "path": files[picture.path],
            }
            course.trigger(courses.CourseMediaAdded, work.context.now, media=shown)
            lines.append(f"{course.slug}: picture {picture.title!r} added.")


def _pictures_of(course: Course | None) -> set[tuple[str, str | None]]:
    return set() if course is None else {(picture["title"], picture["source"]) for picture in course.media}


def _add_notes(work: Work[Lookups], course: Course, owner_id: int, texts: dict[str, str], lines: list[str]) -> None:
    there = work.lookups.note_titles(course.number)
    for title, body in texts.items():
        if title in there:
            continue
        note = work.new(Note, work.lookups.next_id("note"))
        note.trigger(
            notes.NoteCreated,
            work.context.now,
            owner_id=course.owner_id or owner_id,
            uuid=unique_uuid(),
            title=title,
            description=body[:DESCRIPTION_LENGTH],
            content=f"# {title}\n\n{body}",
            metadata_json="",
            course_id=course.number,
            is_public=True,
            editor_mode="G",
            note_type="N",
            source_note_uuid=None,
            client_draft_id=None,
        )
        title_and_text = (GivenBlock(block_type="T", text=title), GivenBlock(block_type="N", text=body))
        note.write_blocks(arranged(note.number, (), title_and_text, note.version, work.context.now), work.context.now)
        lines.append(f"{course.slug}: note {title!r} added.")
