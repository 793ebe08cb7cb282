"""How each kind of stream takes changes back, in the order in which it is done; kinds that are missing here cannot."""

from collections.abc import Mapping

from commands.attachments.aggregate import Attachment
from commands.attachments.undoing import take_back_attachment
from commands.calendars.aggregates import CalendarFeed
from commands.calendars.undoing import take_back_calendar_feed
from commands.courses.aggregate import Course
from commands.courses.undoing import take_back_course
from commands.notes.aggregate import Note
from commands.notes.undoing import take_back_note
from commands.planner.aggregate import Planner, PlannerEvent
from commands.planner.undoing import take_back_planner, take_back_planner_event
from commands.subscriptions import Subscription, take_back_subscription
from commands.undo import Inverse

INVERSES: Mapping[str, Inverse] = {
    inverse.kind.kind: inverse
    for inverse in (
        # Courses come back before the notes that return to them.
        Inverse(Course, take_back_course),
        Inverse(Note, take_back_note),
        Inverse(Subscription, take_back_subscription),
        Inverse(Attachment, take_back_attachment),
        Inverse(PlannerEvent, take_back_planner_event),
        Inverse(Planner, take_back_planner),
        Inverse(CalendarFeed, take_back_calendar_feed),
    )
}
