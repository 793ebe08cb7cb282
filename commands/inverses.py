"""How each kind of stream takes changes back, in the order in which it is done; kinds that are missing here cannot."""

from collections.abc import Mapping

from commands.courses.undoing import take_back_attachment, take_back_course, take_back_subscription
from commands.notes.undoing import take_back_note
from commands.undo import Inverse

INVERSES: Mapping[str, Inverse] = {
    # Courses come back before the notes that return to them.
    "course": take_back_course,
    "note": take_back_note,
    "subscription": take_back_subscription,
    "attachment": take_back_attachment,
}
