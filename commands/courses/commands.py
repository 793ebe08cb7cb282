"""Creating, changing and arranging courses (contract: notes 3.4, 3.5, 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from commands.courses.aggregate import Course
from commands.courses.slugs import free_slug, slugify
from commands.errors import Declined, Forbidden, NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.preconditions import require_version
from eventstore.events import courses


class CreateCourse(BaseModel):
    """A new course, or what a client made offline and may send again."""

    model_config = ConfigDict(frozen=True)

    title: str
    description: str | None = None
    client_course_id: str | None = None
    icon: int | None = None
    color_hue: int | None = None


class ChangeCourse(BaseModel):
    """What to change; fields that are not set stay."""

    model_config = ConfigDict(frozen=True)

    title: str = ""
    description: str | None = None
    icon: int | None = None
    color_hue: int | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of it."""

    course_id: int
    created: bool = False


def create_course(work: Work[Lookups], account_id: int, command: CreateCourse) -> Saved:
    """Makes a course; a course that the client has sent before is changed instead."""
    client_id = command.client_course_id or None
    known = work.lookups.course_by_client_id(account_id, client_id) if client_id else None
    course = work.find(Course, known) if known is not None else None
    if course is not None:
        sent = command.model_fields_set & {"icon", "color_hue"}
        changes = ChangeCourse(
            title=command.title,
            description=command.description or "",
            **{name: getattr(command, name) for name in sent},
        )
        _change(work, course, changes)
        return Saved(course.number)
    course = work.new(Course, work.lookups.next_id("course"))
    course.trigger(
        courses.CourseCreated,
        work.context.now,
        owner_id=account_id,
        title=command.title,
        description=command.description or "",
        slug=free_slug(work.lookups, slugify(command.title)),
        icon=command.icon,
        is_default=False,
        client_course_id=client_id,
    )
    if command.color_hue is not None:
        course.trigger(courses.CourseColorChanged, work.context.now, color_hue=command.color_hue)
    return Saved(course.number, created=True)


def change_course(work: Work[Lookups], account_id: int, course_id: int, command: ChangeCourse) -> Saved:
    """Changes what is set. Raises NotFound, Forbidden, or Declined for an Inbox."""
    course = live_course(work, course_id)
    if course.owner_id != account_id:
        raise Forbidden("You can only edit your own categories.")
    if course.is_default:
        raise Declined("The default category cannot be edited.")
    require_version(work, course.edited_on)
    _change(work, course, command)
    return Saved(course_id)


def arrange_courses(work: Work[Lookups], account_id: int, course_ids: Sequence[int]) -> None:
    """Numbers the account's courses: the named ones in this order, the others behind them as they were.

    What the caller expects is the order that it saw: the ids joined by hyphens.
    """
    own = work.lookups.own_courses(account_id)
    mine = frozenset(own)
    named = [course_id for course_id in dict.fromkeys(course_ids) if course_id in mine]
    if not named:
        return
    chosen = frozenset(named)
    arranged = work.find_all(Course, [*named, *(other for other in own if other not in chosen)])
    if work.context.expects is not None:
        # Asked for once the courses are loaded: who arranges them after this moment is found out by the append.
        require_version(work, "-".join(map(str, work.lookups.own_courses(account_id))))
    for place, course in enumerate(arranged, start=1):
        if not course.is_deleted and course.sort_order != place:
            course.trigger(courses.CourseArranged, work.context.now, sort_order=place)


def live_course(work: Work[Lookups], course_id: int) -> Course:
    """The course. Raises NotFound for one that never was or was deleted."""
    course = work.find(Course, course_id)
    if course is None or course.is_deleted:
        raise NotFound("Course")
    return course


def _change(work: Work[Lookups], course: Course, command: ChangeCourse) -> None:
    now = work.context.now
    given = command.model_fields_set
    before = course.version
    if "title" in given and command.title != course.title:
        course.trigger(courses.CourseRenamed, now, title=command.title)
    if "description" in given and (command.description or "") != course.description:
        course.trigger(courses.CourseDescribed, now, description=command.description or "")
    if "icon" in given and command.icon != course.icon:
        course.trigger(courses.CourseIconChanged, now, icon=command.icon)
    if "color_hue" in given and command.color_hue != course.color_hue:
        course.trigger(courses.CourseColorChanged, now, color_hue=command.color_hue)
    if course.version == before:
        course.trigger(courses.CourseTouched, now)
