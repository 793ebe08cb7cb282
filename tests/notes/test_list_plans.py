"""Lists of everybody's notes are read and counted in an index, in its order."""

from __future__ import annotations

import psycopg
import pytest

from projections.notes.lists import Sort, Wanted, list_notes
from wiring import Services


@pytest.mark.parametrize(
    ("sort", "index"), [("edited", "notes_public"), ("newest", "notes_public_newest"), ("oldest", "notes_public_newest")]
)
def test_everybodys_notes_are_come_to_in_their_order(services: Services, sort: Sort, index: str) -> None:
    query = list_notes(Wanted(anonymous=True), sort, 50, 0)
    with psycopg.connect(services.settings.conninfo()) as connection:
        # Of a few notes the whole table is read and sorted, which is right for a few.
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_sort = off")
        connection.execute("SET enable_bitmapscan = off")
        plan = "\n".join(line for (line,) in connection.execute(b"EXPLAIN " + query.sql.encode(), {**query.params, "viewer": None}))
    assert f"using {index} on notes n" in plan
    assert "Sort" not in plan
    assert "Index Only Scan" in plan, "counting them looks at each row"
