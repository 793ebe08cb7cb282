"""Runs commands: one unit of work each, saved in one transaction, decided again after a conflict."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from eventsourcing.application import AggregateNotFoundError

from commands.aggregate import Aggregate
from commands.context import Context
from commands.errors import AccountGone, Conflict, Refused
from eventstore.application import Log
from eventstore.events import Event
from eventstore.exchange import Answer
from eventstore.forgetting import Forgetting
from eventstore.message import Message, ask
from eventstore.recorder import Alongside, UniqueConflict, VersionConflict, WriterErased

A = TypeVar("A", bound=Aggregate)
T = TypeVar("T")
L_co = TypeVar("L_co", covariant=True)
Row = tuple[Any, ...]

DECISIONS = 25
"""So often is a command decided anew when others keep appending to the same stream first."""
READ_AT_ONCE = 200
"""So many streams are read by one statement at most; their events take memory meanwhile."""

Written = Callable[[Any, int], Any]
"""Gives the inline rows that an append leaves; see projections.reading.Written."""


class Statement(Protocol):
    """SQL with parameters, such as a projections.reading.Query."""

    @property
    def sql(self) -> str:
        """Yields one row."""

    @property
    def params(self) -> Mapping[str, object]:
        """By name."""

    @property
    def rest(self) -> Callable[[Written, int | None], tuple[Statement, Callable[[Row], Row]] | None] | None:
        """What is still to be asked when the rows that it is about have just been written; see projections.reading.Query."""


class Inline(Protocol):
    """The inline projections, as the write side sees them."""

    def writing(
        self,
        events: Sequence[Event],
        metadata: bytes,
        then: Callable[[Message, Written], None] | None,
        missed: Mapping[str, Sequence[Event]],
        first: Callable[[Message], None] | None,
    ) -> Alongside:
        """What keeps their rows, and queues further statements before and behind them.

        missed: the newest stored events of some of the streams.
        """


class Unproven(Exception):
    """A decision was founded on aggregates that may be out of date, and the append would not find out."""


class Work(Generic[L_co]):
    """One attempt at one command: loads aggregates, gathers what is to be saved."""

    def __init__(self, log: Log, lookups: L_co, context: Context, *, assuming: bool = False) -> None:
        self._log = log
        self._assuming = assuming
        self.lookups = lookups
        self.context = context
        self.aggregates: dict[str, Aggregate] = {}
        self.assumed: set[str] = set()
        """Streams whose aggregates come from this process's memory; others may have appended in the last moment."""
        self.missed: dict[str, Sequence[Event]] = {}
        """What others have appended to those since this process's memory."""
        self.forgetting: list[Forgetting] = []
        self.conditions: list[Statement] = []
        self._past: dict[tuple[str, int], Aggregate] = {}

    def decided(self, decide: Callable[[Self], T]) -> T:
        """The decision. Raises Unproven unless all that it assumed has new events, whose append will prove it."""
        try:
            result = decide(self)
        except Exception as error:
            # Whatever went wrong, a refusal or a bug, may be due to something that is no longer so.
            if self.assumed:
                raise Unproven from error
            raise
        if not all(self.aggregates[stream].pending for stream in self.assumed):
            raise Unproven
        return result

    def find(self, kind: type[A], number: int | tuple[int, ...]) -> A | None:
        """The aggregate of this id, None when there is no such stream."""
        stream = kind.stream(number)
        known: Any = self.aggregates.get(stream)
        if known is None:
            known = self._remembered(kind, stream) if self._assuming and stream in self.context.seen else None
            if known is None:
                try:
                    known = self._log.repository.get(stream, projector_func=kind.project)
                except AggregateNotFoundError:
                    return None
            self.aggregates[stream] = known
        assert isinstance(known, kind)
        return None if known.is_forgotten else known

    def find_all(self, kind: type[A], numbers: Iterable[int | tuple[int, ...]]) -> list[A]:
        """Those of the aggregates of these ids that there are, in this order; read together, which costs a few round trips at most."""
        numbers = list(dict.fromkeys(numbers))
        streams = [stream for stream in map(kind.stream, numbers) if stream not in self.aggregates and stream not in self.context.seen]
        for first in range(0, len(streams), READ_AT_ONCE):
            self.aggregates |= self._log.repository.get_all(streams[first : first + READ_AT_ONCE], kind.project)
        return [found for number in numbers if (found := self.find(kind, number)) is not None]

    def _remembered(self, kind: type[A], stream: str) -> A | None:
        try:
            known = cast(A, self._log.repository.cache.get(stream))
        except KeyError:
            return None
        missed = self.context.seen[stream].since(known.version)
        if missed is None:
            return None
        self.assumed.add(stream)
        if missed:
            events = self.missed[stream] = [cast(Event, self._log.mapper.to_domain_event(event)) for event in missed]
            return kind.project(known, events)
        return known

    def read_ahead(self, kind: type[Aggregate], wanted: Mapping[int | tuple[int, ...], Iterable[int]]) -> None:
        """Reads aggregates together, and what they were after these versions, for `find` and `at`; a few round trips at most.

        For READ_AT_ONCE of them at a time: the earlier versions are held until the next ones are read.
        """
        self.find_all(kind, wanted)
        self._past = {}
        unknown: dict[str, list[int]] = {}
        for number, versions in wanted.items():
            stream = kind.stream(number)
            for version in versions:
                if (present := self._present(stream, version)) is not None:
                    # It may be changed before it is asked for.
                    self._past[stream, version] = present.copy()
                elif version >= 1:
                    unknown.setdefault(stream, []).append(version)
        if unknown:
            self._past |= self._log.repository.get_all_at(unknown, kind.project)

    def at(self, kind: type[A], number: int | tuple[int, ...], version: int) -> A | None:
        """The aggregate as it was after a version; for reading only. None before its first event."""
        if version < 1:
            return None
        stream = kind.stream(number)
        known = self._past.get((stream, version)) or self._present(stream, version)
        if known is not None:
            return cast(A, known.copy())
        try:
            then: A = self._log.repository.get(stream, version=version, projector_func=kind.project)
        except AggregateNotFoundError:
            return None
        return then

    def _present(self, stream: str, version: int) -> Aggregate | None:
        """The aggregate at hand, if it is as it was after this version."""
        present = self.aggregates.get(stream)
        return present if present is not None and present.version == version and not present.pending else None

    def new(self, kind: type[A], number: int | tuple[int, ...]) -> A:
        """A stream that has no event yet."""
        aggregate = kind(kind.stream(number))
        self.aggregates[aggregate.id] = aggregate
        return aggregate

    def start_over(self) -> None:
        """Drops what was decided, and loads aggregates anew from now on. Not for a decision that assumes any."""
        assert not self.assumed
        self.aggregates.clear()
        self._past.clear()
        self.missed.clear()
        self.forgetting.clear()
        self.conditions.clear()

    def require(self, condition: Statement) -> None:
        """What has to hold at the end of this command's transaction; else it is decided anew. See log.require."""
        self.conditions.append(condition)

    def forget(self, *targets: Aggregate | Forgetting) -> None:
        """Overwrites stored payloads for good, in the transaction of this command's events.

        An aggregate stands for everything stored of it before this command; the events that it triggers now stay.
        It should trigger one (NotePurged): a concurrent change then makes the command decide again, and none slips by.
        """
        for target in targets:
            if isinstance(target, Aggregate):
                self.forgetting.append(Forgetting(target.id, last=target.version - len(target.pending), shown_as=target.shown_as))
            else:
                self.forgetting.append(target)


@dataclass(frozen=True, slots=True)
class Once:
    """An Idempotency-Key: the command takes effect once, and its first answer is given again."""

    account_id: int
    key: str
    request: bytes
    """Digest of the request; the same key with another request is refused."""
    render: Callable[[Any, Row | None], tuple[int, bytes]]
    """The decision's result and the answer's row -> (status, body), as they are sent and kept."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a command came to. `row` is the answer's row, read in the transaction of the events."""

    result: T
    row: Row | None
    positions: Sequence[int]


class Repeated(Exception):
    """The command was carried out before under the same Idempotency-Key; `status` and `body` are its answer."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Handling(Generic[L_co]):
    """Carries out commands on the log."""

    def __init__(self, log: Log, lookups: L_co, inline: Inline) -> None:
        self.log = log
        self.lookups = lookups
        self.inline = inline

    def run(
        self,
        decide: Callable[[Work[L_co]], T],
        context: Context,
        answer: Callable[[T], Statement | None] | None = None,
        conflicts: Mapping[str, Exception] | None = None,
        once: Once | None = None,
    ) -> Outcome[T]:
        """Decides and saves. `decide` is called again after a version conflict, so it must have no effects of its own.

        The first decision is made on aggregates as this process remembers them, if the context has just seen that version of their
        stream, which saves reading it. The append proves them current; a decision that it cannot prove (a refusal, or one that
        changes nothing) is made again on fresh ones.

        answer: what to read back in the same transaction, from the decision's result; yields one row.
        conflicts: what to raise when a unique rule (by constraint name) refuses the change. Under any other unique rule somebody
        else was first by a moment: the command is decided anew and sees what they made.
        once: the Idempotency-Key that came with the request.
        Raises Refused for commands that are not carried out, Repeated for one that was carried out before.
        """
        lost: UniqueConflict | None = None
        for attempt in range(DECISIONS):
            if once is not None:
                self._repeat(once)
            work = Work(self.log, self.lookups, context, assuming=attempt == 0)
            try:
                result = self._decided(work, decide, once)
                return self._save(work, result, answer(result) if answer else None, once)
            except (VersionConflict, Unproven):
                continue
            except WriterErased as error:
                raise AccountGone from error
            except UniqueConflict as error:
                if work.assumed or error.constraint == "idempotency_pkey":
                    continue
                if once is not None:
                    self._repeat(once)
                known = (conflicts or {}).get(error.constraint)
                if known is not None:
                    raise known from error
                lost = error
        if lost is not None:
            raise lost
        raise Conflict("Others keep changing this at the same moment. Please try again.")

    def preview(self, decide: Callable[[Work[L_co]], T], context: Context) -> T:
        """What the command would come to at this moment; nothing is saved. Raises Refused as `run` does."""
        return decide(Work(self.log, self.lookups, context))

    def _decided(self, work: Work[L_co], decide: Callable[[Work[L_co]], T], once: Once | None) -> T:
        try:
            return work.decided(decide)
        except Refused:
            # What stands in the way may be the effect of this very command, sent a moment ago with the same key.
            if once is not None:
                self._repeat(once)
            raise

    def _save(self, work: Work[L_co], result: T, answer: Statement | None, once: Once | None) -> Outcome[T]:
        # In order of names, so that two commands on the same streams wait for each other instead of deadlocking.
        aggregates = [a for _, a in sorted(work.aggregates.items()) if a.pending]
        events = [event for a in aggregates for event in a.pending]
        metadata = work.context.metadata()
        reply = _Reply(result, answer, work.context, once, work.conditions)

        def alongside() -> Alongside:
            return self.inline.writing(events, metadata, reply.queue, work.missed, reply.announce)

        positions = self.log.append(*aggregates, metadata=metadata, alongside=alongside, forgetting=work.forgetting, again=reply.again)
        for aggregate in aggregates:
            self.log.repository.cache.put(aggregate.id, aggregate)
        for target in work.forgetting:
            self.log.repository.cache.drop(target.stream)
        return Outcome(result, reply.row(), positions)

    def remembered(self, stream: str) -> int | None:
        """Up to which version this process remembers a stream."""
        return self.log.repository.cache.version_of(stream)

    def _repeat(self, once: Once) -> None:
        with self.log.pool.connection() as connection:
            kept = ask(connection, _KEPT, (once.account_id, once.key)).fetchone()
        if kept is not None:
            request, status, body = kept
            if request != once.request:
                raise Conflict("This Idempotency-Key was used before, for a different request.")
            raise Repeated(status, body)


_KEPT = b"SELECT request, status, answer FROM log.idempotency WHERE account_id = %s AND key = %s"
_KEEPING = b"SELECT log.keeping(%s)"
_KEEP = b"INSERT INTO log.idempotency (account_id, key, command, request, status, answer) VALUES (%s, %s, %s, %s, %s, %s)"


class _Reply:
    """The answer of a command, read back in the transaction of its events, and kept if it came with a key."""

    def __init__(self, result: Any, answer: Statement | None, context: Context, once: Once | None, conditions: Sequence[Statement]) -> None:
        self._conditions = conditions
        self._result = result
        self._answer = answer
        self._context = context
        self._once = once
        self._read: Answer | None = None
        self._complete: Callable[[Row], Row] | None = None

    def announce(self, message: Message) -> None:
        """That an answer will be kept. Before the rows and the conditions, whose locks who forgets something takes only after this one."""
        if self._once is not None:
            message.execute(_KEEPING, (self._once.account_id,))

    def queue(self, message: Message, written: Written) -> None:
        """The last statements of the transaction."""
        for condition in self._conditions:
            message.execute(condition.sql.encode(), condition.params)
        rest = self._answer.rest(written, self._context.actor) if self._answer is not None and self._answer.rest is not None else None
        if rest is None:
            self._ask(message, self._answer)
        else:
            statement, self._complete = rest
            self._ask(message, statement)
        if self._once is not None:
            # What is kept is made from the answer, so it has to be fetched before the commit: one more round trip.
            status, body = self._once.render(self._result, self.row())
            once = self._once
            message.execute(_KEEP, (once.account_id, once.key, self._context.command, once.request, status, body))

    def again(self, message: Message) -> None:
        """Reads the answer anew: the connection that held it was lost after the commit."""
        self._complete = None
        self._ask(message, self._answer)

    def row(self) -> Row | None:
        """The answer's row; the transaction has been committed, or this is still in it."""
        row = self._read.fetchone() if self._read is not None else None
        return self._complete(row) if row is not None and self._complete is not None else row

    def _ask(self, message: Message, statement: Statement | None) -> None:
        if statement is not None:
            self._read = message.execute(statement.sql.encode(), {**statement.params, "viewer": self._context.actor})


def request_digest(method: str, path: str, body: bytes) -> bytes:
    """Tells whether an Idempotency-Key is used again for the same request."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).digest()
