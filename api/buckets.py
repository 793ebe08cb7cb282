"""Request limits as arithmetic: what a caller has left here, and when what was spent here is told to the other processes.

Each process counts by itself and spends on credit; several times a second it adds what was spent to the shared sums and learns
what the others have spent (GCRA: one number per caller, the time until which everything is paid). A request waits for that only
after its caller has spent CREDIT of the quota here since the last time. So reads cost no round trip, and no caller gets more
than the quota and CREDIT of it per process.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import psycopg
import structlog

CREDIT = 0.05
FLUSH_S = 0.2
MOST_BUCKETS = 20_000

Share = Callable[[Mapping[str, float]], Awaitable[Mapping[str, float]]]
"""Adds spent seconds by subject to the shared sums; returns the sums."""

log = structlog.get_logger("notechondria.limits")


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests in so many seconds; unused ones come back evenly."""

    name: str
    quota: int
    window_s: float = 60.0

    @property
    def unit_s(self) -> float:
        """What one request spends."""
        return self.window_s / self.quota


class Bucket:
    """What one caller has spent, as seconds ahead of the clock."""

    __slots__ = ("_ahead", "_at", "policy", "subject", "untold")

    def __init__(self, subject: str, policy: Policy, now: float) -> None:
        self.subject = subject
        self.policy = policy
        self._ahead = 0.0
        self._at = now
        self.untold = 0.0
        """Spent here and not yet added to the shared sum."""

    def ahead(self, now: float) -> float:
        """Seconds until everything is there again."""
        return max(0.0, self._ahead - (now - self._at))

    def wait_s(self, cost: int, now: float) -> float:
        """How long a request of this cost has to wait; 0 when it may come now."""
        return max(0.0, self.ahead(now) + min(cost, self.policy.quota) * self.policy.unit_s - self.policy.window_s - 1e-9)

    def spend(self, cost: int, now: float) -> None:
        """Counts a request."""
        spent = min(cost, self.policy.quota) * self.policy.unit_s
        self._ahead = self.ahead(now) + spent
        self._at = now
        self.untold += spent

    def learn(self, ahead: float, now: float) -> None:
        """The shared sum, in which everything but `untold` is contained."""
        self._ahead = max(0.0, ahead) + self.untold
        self._at = now

    def remaining(self, now: float) -> int:
        """Requests that may come at once."""
        return max(0, math.floor((self.policy.window_s - self.ahead(now)) / self.policy.unit_s + 1e-6))


class Buckets:
    """The buckets of one process."""

    def __init__(self, share: Share, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._untold: dict[str, Bucket] = {}
        self._telling: asyncio.Task[None] | None = None
        self._later: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """The clock that the buckets go by."""
        return self._clock()

    def of(self, subject: str, policy: Policy) -> Bucket:
        """The caller's bucket."""
        bucket = self._buckets.get(subject)
        if bucket is None:
            bucket = self._buckets[subject] = self._untold.get(subject) or Bucket(subject, policy, self._clock())
            if len(self._buckets) > MOST_BUCKETS:
                # What it has spent and not told is held in _untold; the rest is in the shared sum.
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(subject)
        return bucket

    async def take(self, bucket: Bucket, cost: int) -> float:
        """Counts a request; returns 0, or how many seconds it would have to wait and then counts nothing."""
        wait = bucket.wait_s(cost, self._clock())
        if wait > 0:
            return wait
        bucket.spend(cost, self._clock())
        self._untold[bucket.subject] = bucket
        if bucket.untold >= CREDIT * bucket.policy.window_s:
            await self._tell_now()
        elif self._later is None and self._telling is None:
            self._later = asyncio.get_running_loop().call_later(FLUSH_S, self._tell_soon)
        return 0.0

    def give_back(self, bucket: Bucket, cost: int) -> None:
        """Takes back what was counted for a request that is not served."""
        if cost:
            bucket.spend(-cost, self._clock())
            self._untold[bucket.subject] = bucket

    async def close(self) -> None:
        """Tells the rest."""
        if self._untold:
            await self._tell_now()
        if self._later is not None:
            self._later.cancel()

    def _tell_soon(self) -> None:
        self._later = None
        if self._telling is None:
            self._telling = asyncio.ensure_future(self._tell())

    async def _tell_now(self) -> None:
        if self._later is not None:
            self._later.cancel()
        self._tell_soon()
        assert self._telling is not None
        await asyncio.shield(self._telling)

    async def _tell(self) -> None:
        told, self._untold = self._untold, {}
        spent = {subject: bucket.untold for subject, bucket in told.items()}
        for bucket in told.values():
            bucket.untold = 0.0
        try:
            sums = await self._share(spent)
        except psycopg.Error as error:
            # Each process goes on by its own count.
            log.debug("limits are not shared", error=type(error).__name__)
        else:
            now = self._clock()
            for subject, ahead in sums.items():
                told[subject].learn(ahead, now)
        finally:
            self._telling = None
            if self._untold and self._later is None:
                self._later = asyncio.get_running_loop().call_later(FLUSH_S, self._tell_soon)
