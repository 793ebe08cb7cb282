"""How each kind of stream takes changes back, in the order in which it is done; kinds that are missing here cannot."""

from collections.abc import Mapping

from commands.attachments.undoing import take_back_attachment
from commands.calendars.undoing import take_back_calendar_feed
from commands.courses.undoing import take_back_course
from commands.notes.undoing import take_back_note
from commands.planner.undoing import take_back_planner, take_back_planner_event
from commands.subscriptions import take_back_subscription
from commands.undo import Inverse

INVERSES: Mapping[str, Inverse] = {
    # Courses come back before the notes that return to them.
    "course": take_back_course,
    "note": take_back_note,
    "subscription": take_back_subscription,
    "attachment": take_back_attachment,
    "planner-event": take_back_planner_event,
    "planner": take_back_planner,
    "calendar-feed": take_back_calendar_feed,
}
