"""Which database servers can be used."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

OLDEST = 15
"""The oldest release of PostgreSQL."""


class Server(NamedTuple):
    """What a server says of itself and of the database."""

    number: int
    """As PostgreSQL writes it: 180001 for 18.1."""
    encoding: str | None

    @property
    def version(self) -> str:
        """As people write it."""
        return f"{self.number // 10000}.{self.number % 10000}"

    @property
    def is_too_old(self) -> bool:
        """Whether it is older than the oldest that can be used."""
        return self.number < OLDEST * 10000

    @property
    def holds_all_text(self) -> bool:
        """Whether every text can be stored."""
        return self.encoding == "UTF8"


def server_of(connection: Connection[TupleRow]) -> Server:
    """The server behind a connection. Asks nothing: it was told when the connection was opened."""
    return Server(connection.info.server_version, connection.info.parameter_status("server_encoding"))
