"""How many requests a caller may make, per minute and at once. Guards on secrets are another thing (commands/accounts/proofs.py)."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter, OrderedDict
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.buckets import Bucket, Buckets, Policy
from api.errors import TooManyRequests, respond_to
from eventstore.guards import network_of
from metrics import REFUSED_REQUESTS
from settings import Settings

PROBE = "/api/v1/auth/session/"
"""Apps take any answer but 200 for the end of their session, and forget it."""
EXEMPT = frozenset(
    (
        "/", "/handshake/", "/metrics", "/api/health/", *(f"/api/v1/{name}/" for name in ("health", "ready", "handshake", "ping")),
        PROBE, PROBE.rstrip("/"),
    )
)  # fmt: skip
"""Cheap, without a caller, and asked by machines that take a refusal for a dead server."""
KNOWN_KEYS = 20_000
LONGEST_KNOWN = 128
"""Bytes of an Authorization header that is remembered, three times as many as apps send. One account can write its key in many ways, with
blanks up to the length of a head: all of them together would fill the memory."""


class Limits:
    """Counts each request under the account it belongs to, else under the network address it comes from.

    Who calls is known only once the handler has asked, so a key is counted under its address until it has been seen to be good
    here; made-up keys are therefore counted where they come from.
    """

    def __init__(self, app: ASGIApp, buckets: Buckets, settings: Settings, key: bytes) -> None:
        self._app = app
        self._buckets = buckets
        self._account = Policy("account", settings.requests_per_minute)
        self._address = Policy("address", settings.anonymous_requests_per_minute)
        self._at_once = settings.requests_at_once
        self._key = key
        self._under_way: Counter[str] = Counter()
        self._accounts: OrderedDict[bytes, int] = OrderedDict()
        """Authorization header -> account."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request, or 429."""
        if scope["type"] != "http" or scope["path"] in EXEMPT or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        presented = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        bucket = self._bucket(scope, presented)
        ticket = scope["limit"] = Ticket(self._buckets, bucket)
        status = 0

        async def send_with_limit(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).extend(ticket.headers())
            await send(message)

        try:
            self._refuse_crowd(bucket)
            await ticket.charge(1)
        except TooManyRequests as refusal:
            REFUSED_REQUESTS.labels(bucket.policy.name).inc()
            await respond_to(refusal, scope)(scope, receive, send_with_limit)
            return
        self._under_way[bucket.subject] += 1
        try:
            await self._app(scope, receive, send_with_limit)
        finally:
            self._under_way[bucket.subject] -= 1
            if not self._under_way[bucket.subject]:
                del self._under_way[bucket.subject]
            self._remember(presented, scope, status)

    def _refuse_crowd(self, bucket: Bucket) -> None:
        if self._under_way[bucket.subject] >= self._at_once:
            raise TooManyRequests(1, "Too many requests at once. Please wait for the answers to some of them.")

    def _bucket(self, scope: Scope, presented: bytes) -> Bucket:
        account = self._accounts.get(presented) if presented else None
        if account is not None:
            return self._buckets.of(f"account {account}", self._account)
        client = scope.get("client")
        return self._buckets.of(_network(self._key, client[0] if client else ""), self._address)

    def _remember(self, presented: bytes, scope: Scope, status: int) -> None:
        caller = scope.get("caller")
        if not presented or len(presented) > LONGEST_KNOWN:
            return
        if caller is not None and caller.account_id is not None:
            self._accounts[presented] = caller.account_id
            if len(self._accounts) > KNOWN_KEYS:
                self._accounts.popitem(last=False)
        elif status == 401:
            self._accounts.pop(presented, None)


@lru_cache(maxsize=KNOWN_KEYS)
def _network(key: bytes, address: str) -> str:
    """The subject of an address. It is personal, so the table does not get to know it."""
    digest = hmac.new(key, b"limit\0" + network_of(address).encode(), hashlib.sha256).hexdigest()[:32]
    return f"address {digest}"


class Ticket:
    """One request under its limit."""

    __slots__ = ("_bucket", "_buckets", "_charged")

    def __init__(self, buckets: Buckets, bucket: Bucket) -> None:
        self._buckets = buckets
        self._bucket = bucket
        self._charged = 0

    async def charge(self, cost: int) -> None:
        """Counts as so many requests. Raises TooManyRequests."""
        wait = await self._buckets.take(self._bucket, cost)
        if wait > 0:
            # What is refused costs nothing, else a caller who keeps asking would never get through.
            self._buckets.give_back(self._bucket, self._charged)
            seconds = math.ceil(wait)
            raise TooManyRequests(seconds, f"Too many requests. Please try again in {seconds} second{'' if seconds == 1 else 's'}.")
        self._charged += cost

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the caller has left: the field pair of draft-ietf-httpapi-ratelimit-headers, and the older three that clients know."""
        policy, now = self._bucket.policy, self._buckets.now()
        remaining, reset = self._bucket.remaining(now), math.ceil(self._bucket.ahead(now))
        return [
            (b"ratelimit-policy", f'"{policy.name}";q={policy.quota};w={policy.window_s:.0f}'.encode()),
            (b"ratelimit", f'"{policy.name}";r={remaining};t={reset}'.encode()),
            (b"ratelimit-limit", str(policy.quota).encode()),
            (b"ratelimit-remaining", str(remaining).encode()),
            (b"ratelimit-reset", str(reset).encode()),
        ]
