"""How long a loop rests after what it has taken up."""

from __future__ import annotations

from typing import Any, cast

import pytest

from projections.loops import LONGEST_REST_S, LogHead, Loop


class Stop:
    """Notes how long the loop would have waited, and ends it after the first time."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def is_set(self) -> bool:
        return bool(self.waits)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


class Taking(Loop):
    """Takes some events at once, in no time."""

    batch = 1000

    def __init__(self, taken: int) -> None:
        super().__init__("taking", "", LogHead(""))
        self.stop = cast(Any, Stop())
        self.taken = taken

    def start(self) -> None:
        pass

    def step(self) -> int:
        return self.taken

    def rest(self) -> None:
        self.stop.wait(LONGEST_REST_S)

    def tick(self) -> None:
        pass


@pytest.mark.parametrize(("taken", "least"), [(1, 0.001), (300, 0.3), (999, 0.999)])
def test_a_loop_rests_longer_the_more_it_took(taken: int, least: float) -> None:
    loop = Taking(taken)
    loop._work()
    (rested,) = cast(Stop, loop.stop).waits
    assert least <= rested <= LONGEST_REST_S


def test_a_loop_that_leaves_some_behind_goes_on() -> None:
    loop = Taking(Taking.batch)
    loop._work()
    (rested,) = cast(Stop, loop.stop).waits
    assert rested < 0.3
