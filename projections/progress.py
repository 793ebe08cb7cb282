"""How far a pass over the log has come, and the way to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


class Cancelled(Exception):
    """Somebody stopped the work; nothing was changed."""


@dataclass
class Progress:
    """One pass over the log. `tell` is called with this object after every batch, from the working thread."""

    tell: Callable[[Progress], None] | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    phase: str = ""
    """reading, writing, catching up, swapping, comparing, done."""
    events: int = 0
    """Events read so far."""
    position: int = 0
    head: int = 0
    """The newest position, as far as it is known."""
    started: float = field(default_factory=time.monotonic)

    def enter(self, phase: str, *, head: int | None = None) -> None:
        """The next part of the work begins."""
        self.phase = phase
        if head is not None:
            self.head = head
        self.advance(0, self.position)

    def advance(self, events: int, position: int) -> None:
        """A batch was read. Raises Cancelled when it is to be the last."""
        self.events += events
        self.position = position
        self.head = max(self.head, position)
        if self.tell is not None:
            self.tell(self)
        if self.cancel.is_set():
            raise Cancelled("stopped on demand")

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    @property
    def events_per_second(self) -> float:
        """On average so far."""
        return self.events / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Estimated from what was read so far; None before the first batch."""
        if not self.position:
            return None
        return self.seconds * max(0, self.head - self.position) / self.position
