"""How a command is stopped: SIGTERM and SIGHUP (a closed terminal) end it like Ctrl+C, so that it leaves nothing running behind."""

from __future__ import annotations

import signal
from collections.abc import Callable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_arrived: list[int] = []


def on_stop(act: Callable[[int], object]) -> None:
    """Does this from now on when one of the signals comes, with its number. What nohup or a shell had us ignore stays ignored."""

    def arrived(number: int, _frame: object) -> None:
        _arrived.append(number)
        act(number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, arrived)


def interrupt(number: int) -> None:
    """Ends what runs, with KeyboardInterrupt."""
    if number != signal.SIGINT:
        # A terminal that is closed tells so more than once: the way out must not be cut off by it.
        signal.signal(number, lambda _number, _frame: None)
    raise KeyboardInterrupt


def stop_no_more() -> None:
    """Lets the signals pass by from now on."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def stopped_status() -> int:
    """The status of a program that was stopped so: 130 after Ctrl+C."""
    return 128 + (_arrived[-1] if _arrived else signal.SIGINT)
