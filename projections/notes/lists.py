"""Lists of notes: which, in what order, which page (contract: notes 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from projections.reading import Query

Scope = Literal["personal", "all", "private", "public"]
Sort = Literal["edited", "newest", "oldest", "popular"]

MOST_COUNTED = 100_000
"""Totals are exact up to here."""
MOST_UNPAGED = 1_000
"""Notes in a list without pages."""

_OWN = {
    "personal": "n.owner_id = %(viewer)s AND n.deleted_at IS NULL",
    "all": "n.owner_id = %(viewer)s AND n.deleted_at IS NULL",
    "private": "n.owner_id = %(viewer)s AND n.deleted_at IS NULL AND NOT n.is_public",
    "public": "n.owner_id = %(viewer)s AND n.deleted_at IS NULL AND n.is_public",
}
_OTHERS = "n.is_public AND n.deleted_at IS NULL AND n.owner_id IS DISTINCT FROM %(viewer)s"
_ORDERS = {
    "edited": "{n}.last_edit DESC, {n}.id DESC",
    "newest": "{n}.created_at DESC, {n}.id DESC",
    "oldest": "{n}.created_at, {n}.id",
    "popular": "{n}.sessions DESC, {n}.last_edit DESC, {n}.id DESC",
}

# The cards are looked up behind the page, row by row in its order: that is faster than joins that have to be sorted again.
# The count is only made when the page does not tell it.
_PAGE = """
SELECT convert_to('[' || coalesce(page.items, '') || ']', 'UTF8'), counted.total,
       page.length > 0 AND (%(offset)s + page.length < counted.total OR counted.total >= __MOST__)
FROM (
    SELECT string_agg(item, ',') AS items, count(*) AS length FROM (
        SELECT '{' || n.item
               || ',"course":' || coalesce((SELECT c.card FROM courses.courses c WHERE c.id = n.course_id), 'null')
               || ',"author":' || (SELECT a.card FROM accounts.accounts a WHERE a.id = __AUTHOR__) || '}' AS item
        FROM (__CANDIDATES__) n ORDER BY __ORDER__ LIMIT %(limit)s OFFSET %(offset)s
    ) items
) page CROSS JOIN LATERAL (
    SELECT CASE WHEN page.length BETWEEN 1 AND %(limit)s - 1 OR (page.length = 0 AND %(offset)s = 0) THEN %(offset)s + page.length
                ELSE __COUNTED__ END AS total
    OFFSET 0
) counted"""
_COLUMNS = "n.id, n.owner_id, n.course_id, n.item, n.last_edit, n.created_at"
# How often somebody sat down to a note; saves do not count, since apps save by themselves. Of the own notes that is looked up
# one by one. Of everybody's it is counted in one go, for those that anybody sat down to, and no more of these are fetched than
# it takes to fill a page; the rest follow by their last edit, and no more of them are looked at than a page can hold.
_SESSIONS_OF_OWN = " CROSS JOIN LATERAL (SELECT count(*) AS sessions FROM note_sessions.sessions s WHERE s.note_id = n.id) counted"
_SESSIONS_OF_ALL = (
    " JOIN (SELECT s.note_id, count(*) AS sessions FROM note_sessions.sessions s GROUP BY s.note_id ORDER BY sessions DESC) counted"
    " ON counted.note_id = n.id"
)
_WITHOUT_SESSIONS = """
SELECT * FROM (
    SELECT __COLUMNS__, 0::bigint AS sessions FROM notes.notes n
    WHERE __BRANCH__ AND NOT EXISTS (SELECT FROM note_sessions.sessions s WHERE s.note_id = n.id)
    ORDER BY n.last_edit DESC, n.id DESC LIMIT %(offset)s + %(limit)s
) without"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which notes. anonymous callers get public notes whatever the scope."""

    scope: Scope = "personal"
    anonymous: bool = False
    course_id: int | None = None
    window_days: int | None = None
    """Made within so many days."""

    def branches(self) -> list[str]:
        """WHERE clauses over notes n, each served by an index, which together pick these notes once."""
        more = ""
        if self.course_id is not None:
            more += " AND n.course_id = %(course)s"
        if self.window_days is not None:
            # Not a parameter: how many notes are that young decides how they are best found.
            more += f" AND n.created_at > now() - interval '{int(self.window_days)} days'"
        branches = [] if self.anonymous else [_OWN[self.scope] + more]
        if self.anonymous or self.scope == "all":
            branches.append(_OTHERS + more)
        return branches

    def params(self) -> dict[str, object]:
        """The parameters of those clauses."""
        return {} if self.course_id is None else {"course": self.course_id}


def list_notes(wanted: Wanted, sort: Sort, limit: int, offset: int) -> Query:
    """(JSON list, number of all matches, whether there are more behind this page)."""
    sql = _page_sql(tuple(wanted.branches()), sort)
    return Query(sql, {**wanted.params(), "limit": limit, "offset": offset})


@cache
def _page_sql(branches: tuple[str, ...], sort: Sort) -> str:
    order = _ORDERS[sort].format(n="n")
    own = all(map(_is_own, branches))
    each = [_candidates(branch, sort) for branch in branches]
    if len(each) == 1:
        candidates = each[0]
    else:
        candidates = " UNION ALL ".join(f"(SELECT * FROM ({one}) n ORDER BY {order} LIMIT %(offset)s + %(limit)s)" for one in each)
    counted = " + ".join(
        f"(SELECT count(*) FROM (SELECT FROM notes.notes n WHERE {branch} LIMIT {MOST_COUNTED}) counted)" for branch in branches
    )
    return (
        _PAGE.replace("__COUNTED__", counted)
        .replace("__CANDIDATES__", candidates)
        .replace("__ORDER__", order)
        # The caller's own card is looked up once, that of others row by row.
        .replace("__AUTHOR__", "%(viewer)s" if own else "n.owner_id")
        .replace("__MOST__", str(MOST_COUNTED))
    )


def _candidates(branch: str, sort: Sort) -> str:
    if sort != "popular":
        return f"SELECT {_COLUMNS} FROM notes.notes n WHERE {branch}"
    own = _is_own(branch)
    counted = f"SELECT {_COLUMNS}, counted.sessions FROM notes.notes n{_SESSIONS_OF_OWN if own else _SESSIONS_OF_ALL} WHERE {branch}"
    if own:
        return counted
    visited = f"(SELECT * FROM ({counted}) n ORDER BY {_ORDERS[sort].format(n='n')} LIMIT %(offset)s + %(limit)s)"
    return f"{visited} UNION ALL {_WITHOUT_SESSIONS.replace('__COLUMNS__', _COLUMNS).replace('__BRANCH__', branch)}"


def _is_own(branch: str) -> bool:
    return "n.owner_id = %(viewer)s" in branch
