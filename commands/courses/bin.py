"""Deleting a course and bringing it back, each with its notes and in one transaction (contract: notes 3.6)."""

from __future__ import annotations

from commands.courses.aggregate import Course
from commands.courses.commands import Saved, live_course
from commands.courses.inbox import inbox_of
from commands.errors import Declined, Forbidden, NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from commands.preconditions import require_version
from eventstore.events import courses, notes


def delete_course(work: Work[Lookups], account_id: int, course_id: int) -> None:
    """Puts the course into the recycle bin; its notes go to the Inbox of whoever wrote them."""
    course = live_course(work, course_id)
    if course.owner_id != account_id:
        raise Forbidden("You can only delete your own categories.")
    if course.is_default:
        raise Declined("The default category cannot be deleted.")
    require_version(work, course.edited_on)
    filed = work.lookups.notes_in_courses([course_id])
    inboxes = {author_id: inbox_of(work, author_id) for author_id in dict.fromkeys((account_id, *(author_id for _, author_id, _ in filed)))}
    moved = work.find_all(Note, (note_id for note_id, *_ in filed))
    for note in moved:
        _file(work, note, inboxes[note.owner_id], course_id)
    course.trigger(courses.CourseDeleted, work.context.now, note_ids=[note.number for note in moved])
    # A note that is filed in the course at this very moment was not found above.
    work.require(work.lookups.course_is_empty(course_id))


def restore_course(work: Work[Lookups], account_id: int, course_id: int) -> Saved:
    """Brings the course back, with those of its notes that nobody has moved since its deletion."""
    course = work.find(Course, course_id)
    if course is None or not course.is_deleted or course.owner_id != account_id:
        raise NotFound("Course")
    for note in work.find_all(Note, course.moved_notes):
        # The Inbox alone tells nothing: it may have been moved elsewhere, and from there to the Inbox.
        if not note.is_purged and note.moved_with == course_id:
            _file(work, note, course_id, course_id)
    bring_back(work, course)
    return Saved(course_id)


def bring_back(work: Work[Lookups], course: Course) -> None:
    """The course alone. It loses the id of its client when that was given to another course meanwhile."""
    client_id = course.client_course_id
    if client_id is not None and course.owner_id is not None and work.lookups.course_by_client_id(course.owner_id, client_id) is not None:
        client_id = None
    course.trigger(courses.CourseRestored, work.context.now, client_course_id=client_id)


def _file(work: Work[Lookups], note: Note, target: int, with_course: int) -> None:
    note.trigger(notes.NoteFiled, work.context.now, course_id=target, with_course=with_course)
