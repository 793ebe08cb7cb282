"""How each kind of stream takes changes back; kinds that are missing here cannot."""

from collections.abc import Mapping

from commands.notes.undoing import take_back_note
from commands.undo import Inverse

INVERSES: Mapping[str, Inverse] = {
    "note": take_back_note,
}
