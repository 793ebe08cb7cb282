"""Overwrites what was written for good: payloads in place, snapshots, kept answers. Type, version and position stay.

Commands forget in the transaction of their own event (`Work.forget`), so that "purged" and "forgotten" are one fact. Replays
meet a `Forgotten` event and step over it. Afterwards a dump of the database does not hold the text; dead row versions and
the write-ahead log do until VACUUM and the next checkpoints have recycled them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eventstore.message import Message

_FORGET = b"SELECT log.forget(%s::text[], %s::int[], %s::int[], %s::text[])"


@dataclass(frozen=True, slots=True, order=True)
class Forgetting:
    """Events of one stream to be forgotten: versions first to last, both included; no last means all there are."""

    stream: str
    first: int = 1
    last: int | None = None
    shown_as: tuple[str, ...] = ()
    """Members of JSON objects by which kept answers about other things tell that they show this one."""


def queue(message: Message, targets: Sequence[Forgetting]) -> None:
    """Overwrites the payloads in the message's transaction.

    Events that are appended to a stream at the same moment stay, unless the message appends to it as well.
    """
    message.execute(_FORGET, _parameters(targets))


def _parameters(targets: Sequence[Forgetting]) -> tuple[list[str], list[int], list[int | None], list[str]]:
    # In order of streams, so that two transactions that forget the same ones cannot deadlock.
    ordered = sorted(targets, key=lambda target: (target.stream, target.first))
    shown = [member for target in ordered for member in target.shown_as]
    return [t.stream for t in ordered], [t.first for t in ordered], [t.last for t in ordered], shown
