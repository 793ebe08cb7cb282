"""How statements go over a connection: each prepared once, several written at one go, their rows handed out as they come."""

from __future__ import annotations

import re
import select
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count, islice
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, Connection, capabilities, errors
from psycopg.abc import Transformer as TransformerType
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow

Params = Sequence[Any] | Mapping[str, Any]

PREPARED = 500
"""A connection keeps so many statements prepared; those that were not used for longest make room. The driver sends whole numbers in
types of several sizes, so that one text may be prepared many times over.
"""
_CAN_CLOSE = capabilities.has_send_close_prepared()
_Key = tuple[bytes, tuple[int, ...]]


class Answer:
    """The rows that a statement gives. Asking for them sends what was queued so far."""

    __slots__ = ("_send", "rows")

    def __init__(self, send: Callable[[], None] | None = None) -> None:
        self._send = send
        self.rows: list[TupleRow] | None = None
        """Once the statement was carried out."""

    def fetchall(self) -> list[TupleRow]:
        """All rows."""
        if self.rows is None and self._send is not None:
            self._send()
        assert self.rows is not None
        return self.rows

    def fetchone(self) -> TupleRow | None:
        """The first row."""
        rows = self.fetchall()
        return rows[0] if rows else None


Queued = tuple[_Key, Sequence[Any], Sequence[Format], Answer]
"""A statement as it is sent: its text and the types of its parameters, which is what is prepared under one name, then the parameters
and their formats.
"""


class _Naming(NamedTuple):
    """A statement that is being prepared."""

    key: _Key
    name: bytes


class _Closing(NamedTuple):
    """A statement that is to be prepared no more."""

    key: _Key


_Step = Answer | _Naming | _Closing
"""What a result is for."""


@dataclass(slots=True, eq=False)
class Known:
    """What is known of a connection: how values are sent, and which statements it has prepared under which names."""

    transformer: TransformerType = field(default_factory=lambda: Transformer(psycopg.adapters))
    prepared: OrderedDict[_Key, bytes] = field(default_factory=OrderedDict)
    """The one used last comes last."""
    numbers: count[int] = field(default_factory=count)
    poll: select.poll = field(default_factory=select.poll)
    """Waits for what the server sends."""

    def queued(self, query: bytes, params: Params, answer: Answer) -> Queued:
        """The statement with its parameters as bytes."""
        sql, names, formats = _compiled(query)
        if not formats:
            return (sql, ()), (), (), answer
        values: Any = params if names is None else [params[name] for name in names]  # type: ignore[call-overload]
        dumped = self.transformer.dump_sequence(values, formats)
        return (sql, self.transformer.types or ()), dumped, self.transformer.formats or (), answer

    def put_down(self, pgconn: PGconn, queued: Sequence[Queued]) -> list[_Step]:
        """Writes the statements into the connection's buffer; what each of the results is for."""
        pgconn.enter_pipeline_mode()
        steps: list[_Step] = []
        naming: dict[_Key, bytes] = {}
        for key, params, formats, answer in queued:
            name = self.prepared.get(key)
            if name is not None:
                self.prepared.move_to_end(key)
            elif (name := naming.get(key)) is None:
                name = naming[key] = b"message%d" % next(self.numbers)
                pgconn.send_prepare(name, *key)
                steps.append(_Naming(key, name))
            pgconn.send_query_prepared(name, params, formats, Format.BINARY)
            steps.append(answer)
        if naming:
            steps.extend(self._make_room(pgconn, len(naming)))
        pgconn.pipeline_sync()
        return steps

    def _make_room(self, pgconn: PGconn, wanted: int) -> list[_Closing]:
        """Closes what is too much, at the end of a message. Not by DEALLOCATE, which might fail and take the transaction back."""
        too_many = len(self.prepared) + wanted - PREPARED if _CAN_CLOSE else 0
        closing = [_Closing(key) for key in islice(self.prepared, max(too_many, 0))]
        for step in closing:
            pgconn.send_close_prepared(self.prepared[step.key])
        return closing

    def take(self, step: _Step, result: PGresult) -> None:
        """A statement was carried out."""
        if isinstance(step, Answer):
            if result.ntuples:
                self.transformer.set_pgresult(result)
                step.rows = self.transformer.load_rows(0, result.ntuples, tuple)
            else:
                step.rows = []
        elif isinstance(step, _Naming):
            self.prepared[step.key] = step.name
        else:
            del self.prepared[step.key]


class Exchange:
    """Statements that are on their way over a connection. It goes on whenever that is ready, until nothing more is to come."""

    __slots__ = ("_known", "_pgconn", "_queued", "_sent", "_steps", "_within", "failed")

    def __init__(self, known: Known, pgconn: PGconn, queued: Sequence[Queued]) -> None:
        self.failed: PGresult | None = None
        """The refusal of the first statement that fails, which takes all back."""
        self._known = known
        self._pgconn = pgconn
        self._queued = queued
        self._steps: Iterator[_Step] | None = None
        self._sent = False
        self._within = False
        """Whether the end of a statement's results is yet to come."""

    def go_on(self) -> int:
        """Sends and takes what can be sent and taken now, and hands out the rows.

        Returns what the connection has to be ready for before this is called again, as bits of select.poll; 0 at the end.
        Raises what the driver raises when the connection is lost.
        """
        pgconn = self._pgconn
        if self._steps is None:
            self._steps = iter(self._known.put_down(pgconn, self._queued))
        if self._sent:
            pgconn.consume_input()
        elif pgconn.flush():
            # The server may itself have to send before it can take more.
            pgconn.consume_input()
            return select.POLLIN | select.POLLOUT
        self._sent = True
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                if not self._within:
                    raise _lost(self.failed)
                self._within = False
            elif result.status == _END:
                pgconn.exit_pipeline_mode()
                return 0
            else:
                self._within = True
                # Behind the last statement the commit itself may fail, such as at a constraint that is deferred.
                step = next(self._steps, None)
                if step is not None and result.status in _FINE:
                    self._known.take(step, result)
                elif self.failed is None:
                    self.failed = result
        return select.POLLIN


_connections: WeakKeyDictionary[object, Known] = WeakKeyDictionary()


def known_of(connection: Connection[TupleRow] | AsyncConnection[TupleRow]) -> Known:
    """What is known of this connection, for as long as that lives."""
    known = _connections.get(connection)
    if known is None:
        # After a ROLLBACK the driver discards whatever is prepared, if it has prepared anything itself.
        assert connection.prepare_threshold is None, "the connection has to be opened with prepare_threshold=None"
        known = _connections[connection] = Known()
        known.poll.register(connection.pgconn.socket, select.POLLIN)
    return known


_PLACEHOLDER = re.compile(rb"%(?:\(([^)]+)\))?([sb%])")
_FORMATS = {b"s": PyFormat.AUTO, b"b": PyFormat.BINARY}


@lru_cache(maxsize=1024)
def _compiled(query: bytes) -> tuple[bytes, tuple[str, ...] | None, tuple[PyFormat, ...]]:
    """The text with numbers for placeholders, the names of its parameters if they have names, and how each is sent."""
    names: list[str] = []
    formats: list[PyFormat] = []

    def numbered(found: re.Match[bytes]) -> bytes:
        name, kind = found.groups()
        if kind == b"%":
            return b"%"
        if name is None:
            formats.append(_FORMATS[kind])
            return b"$%d" % len(formats)
        if name.decode() not in names:
            names.append(name.decode())
            formats.append(_FORMATS[kind])
        return b"$%d" % (names.index(name.decode()) + 1)

    sql = _PLACEHOLDER.sub(numbered, query)
    return sql, tuple(names) if names else None, tuple(formats)


def _lost(failed: PGresult | None) -> psycopg.Error:
    """The connection has broken; why, as far as the server said so."""
    return errors.error_from_result(failed) if failed is not None and failed.error_field(_SQLSTATE) else psycopg.OperationalError(_LOST)


_FINE = frozenset({int(ExecStatus.TUPLES_OK), int(ExecStatus.COMMAND_OK)})
_END = int(ExecStatus.PIPELINE_SYNC)
_SQLSTATE = DiagnosticField.SQLSTATE
_LOST = "the connection was lost before the answer came"
