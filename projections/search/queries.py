"""Asking the index: candidates for a query within bounded work, and the page of what was found.

Candidates are the newest notes in question (all of them, when there are not many), the notes that the index has not come to
yet, and what the index holds for the words, the best guesses first. Everything is asked of the notes themselves once more:
what the index says may be a moment old, who may read a note may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import orjson

from projections.notes.lists import Wanted
from projections.notes.queries import ITEM, JOINS
from projections.reading import Query
from projections.search.projector import PRIVATE, PUBLIC
from projections.search.ranking import Candidate
from projections.search.text import TITLE, folded, likely_parts, parts_of_word

NEWEST = 250
"""So many of the newest notes are looked at whatever the index says: up to here the order is exact."""
OFTEN = 30
"""A word in so many of the newest notes is a frequent one."""
FEW_MORE = 100
"""With so many more candidates at most, their texts are compared whole."""
UNINDEXED = 300
UNREAD_EVENTS = 2000
LOOKED_UP_WORDS = 2
"""The longest words of a query are looked up; all of them count in the order."""
FROM_INDEX = 30
"""Candidates of one kind."""
ALIKE = 150
ALIKE_PER_SET = 100
MOST_SETS_ALIKE = 10
_OWN_KINDS = {"personal": f"{PRIVATE},{PUBLIC}", "all": PRIVATE, "private": PRIVATE, "public": PUBLIC}
FRAGMENT = 240
BEFORE_HIT = 60

_BEHIND = f"""
SELECT DISTINCT split_part(unread.stream, '-', 2)::bigint AS id
FROM (
    SELECT l.stream FROM log.events l
    WHERE l.position > (SELECT p.position FROM log.projections p WHERE p.name = 'search')
    ORDER BY l.position DESC LIMIT {UNREAD_EVENTS}
) unread
WHERE unread.stream ~ '^note-[0-9]+$' LIMIT {UNINDEXED}"""

_CANDIDATES = """
WITH behind AS MATERIALIZED (__BEHIND__),
newest AS MATERIALIZED (__NEWEST__),
__LOOKUPS__picked AS MATERIALIZED (__PICKED__),
whole AS MATERIALIZED (SELECT %(longest)s >= 500 OR count(*) <= __FEW__ AS texts FROM picked)
SELECT convert_to('[' || coalesce(string_agg(json_build_array(
    n.id, (extract(epoch FROM n.last_edit) * 1000000)::bigint, n.title,
    CASE WHEN whole.texts OR octet_length(coalesce(n.description, '')) <= 4 * %(longest)s THEN coalesce(n.description, '') END,
    CASE WHEN whole.texts OR octet_length(text.body) <= 4 * %(longest)s THEN left(text.body, 500) END,
    (SELECT coalesce(string_agg(CASE WHEN strpos(text.body, word.word) > 0 THEN '1' ELSE '0' END, '' ORDER BY word.nth), '')
     FROM unnest(%(words)s::text[]) WITH ORDINALITY word (word, nth)),
    CASE WHEN NOT whole.texts AND octet_length(n.description) > 4 * %(longest)s THEN
        (SELECT string_agg(CASE WHEN strpos(lower(n.description), word.word) > 0 THEN '1' ELSE '0' END, '' ORDER BY word.nth)
         FROM unnest(%(words)s::text[]) WITH ORDINALITY word (word, nth)) END
)::text, ','), '') || ']', 'UTF8'), count(*)
FROM picked CROSS JOIN whole
JOIN notes.notes n ON n.id = picked.id
LEFT JOIN search.entries e ON e.note_id = n.id AND NOT EXISTS (SELECT FROM behind WHERE behind.id = n.id)
LEFT JOIN notes.note_texts t ON t.note_id = CASE WHEN e.note_id IS NULL THEN n.id END
CROSS JOIN LATERAL (SELECT CASE WHEN e.note_id IS NULL THEN lower(t.content) ELSE e.content || '' END AS body OFFSET 0) text
WHERE __READABLE__"""

_FOUND = f"""
SELECT array_agg(found.item ORDER BY found.nth), array_agg(found.fragment ORDER BY found.nth)
FROM (
    SELECT {ITEM} AS item, wanted.nth,
           substr(t.content, greatest(coalesce(place.at, 1) - {BEFORE_HIT}, 1), {FRAGMENT}) AS fragment
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY wanted (id, nth)
    JOIN notes.notes n ON n.id = wanted.id {JOINS}
    JOIN notes.note_texts t ON t.note_id = n.id
    LEFT JOIN search.entries e ON e.note_id = n.id
    CROSS JOIN LATERAL (SELECT coalesce(e.content, lower(t.content)) || '' AS body OFFSET 0) text
    CROSS JOIN LATERAL (
        SELECT min(nullif(strpos(text.body, word), 0)) AS at FROM unnest(%(words)s::text[]) word
    ) place
    WHERE __READABLE__
) found"""


def candidates(wanted: Wanted, query: str, words: Sequence[str]) -> Query:
    """(candidates as JSON, see read_candidates; how many of them there are)."""
    looked_up = sorted(dict.fromkeys(words), key=len, reverse=True)[:LOOKED_UP_WORDS]
    parts = [parts_of_word(word) for word in looked_up]
    params: dict[str, object] = {f"parts{nth}": part for nth, part in enumerate(parts)}
    params |= {f"title{nth}": [TITLE + part for part in word_parts] for nth, word_parts in enumerate(parts)}
    params |= {f"word{nth}": word for nth, word in enumerate(looked_up)}
    sql = _candidates_sql(tuple(wanted.branches()), _scopes(wanted), len(looked_up))
    return Query(sql, {**wanted.params(), **params, **_about(query, words)})


def alike(wanted: Wanted, query: str, words: Sequence[str]) -> Query:
    """The same for words that may be misspelt: candidates are notes whose titles share parts with the query."""
    likely = list(dict.fromkeys(" ".join(TITLE + part for part in parts) for parts in likely_parts(words)))
    sql = _alike_sql(tuple(wanted.branches()), _scopes(wanted))
    return Query(sql, {**wanted.params(), **_about(query, words), "alike": likely[:MOST_SETS_ALIKE]})


def read_candidates(answer: bytes) -> list[Candidate]:
    """What `candidates` and `alike` answer."""
    return [_candidate(*values) for values in orjson.loads(answer)]


def _candidate(
    note_id: int, last_edit: int, title: str, description: str | None, head: str | None, in_content: str, in_description: str | None
) -> Candidate:
    hits = in_content
    if in_description:
        hits = "".join("1" if "1" in pair else "0" for pair in zip(in_content, in_description, strict=True))
    return Candidate(
        note_id=note_id,
        last_edit=last_edit,
        title=folded(title),
        description=None if description is None else folded(description),
        head=None if head is None else folded(head),
        in_content=hits,
    )


def found_notes(wanted: Wanted, note_ids: Sequence[int], words: Sequence[str]) -> Query:
    """(list items as JSON texts, pieces of the notes' texts around the first word found), in the order of the ids."""
    sql = _found_sql(tuple(wanted.branches()))
    return Query(sql, {**wanted.params(), "ids": list(note_ids), "words": list(dict.fromkeys(words))})


def _about(query: str, words: Sequence[str]) -> dict[str, object]:
    # A text more than four times as long as the query can never be like enough: among many candidates those do not travel.
    longest = 500 if len(query) > 120 else 4 * len(query) + 4
    return {"words": list(dict.fromkeys(words)), "longest": longest}


def _scopes(wanted: Wanted) -> tuple[str, ...]:
    """Where the index is asked: kinds of notes, and the terms that all of them have, as the first arguments of `lookup`.

    Own notes that are public are found among everybody's, where those are wanted.
    """
    course = [] if wanted.course_id is None else ["'course' || %(course)s::bigint"]
    own = ["'owner' || (%(viewer)s)::bigint", *course]
    everybody = wanted.anonymous or wanted.scope == "all"
    scopes = [] if wanted.anonymous else [(_OWN_KINDS[wanted.scope], own)]
    if everybody:
        scopes.append((PUBLIC, course))
    return tuple(f"'{{{kinds}}}'::text[], ARRAY[{', '.join(terms)}]::text[]" for kinds, terms in scopes)


def _readable(branches: Sequence[str]) -> str:
    return " OR ".join(f"({branch})" for branch in branches)


def _newest(branches: Sequence[str]) -> str:
    each = [
        f"(SELECT n.id, n.last_edit FROM notes.notes n WHERE {branch} ORDER BY n.last_edit DESC, n.id DESC LIMIT {NEWEST})"
        for branch in branches
    ]
    return f"(SELECT newest.id FROM ({' UNION ALL '.join(each)}) newest ORDER BY newest.last_edit DESC LIMIT {NEWEST})"


def _lookup(scope: str, gate: str) -> str:
    return f"(SELECT id FROM search.lookup({scope}, {FROM_INDEX}) id WHERE (SELECT {gate} FROM sample))"


def _sample(words: int) -> str:
    """How often the words stand in the newest notes. What stands in many of them is not worth a look into the index."""
    counted = [
        f"count(*) FILTER (WHERE strpos(text.body, %(word{nth})s) > 0) AS word{nth},"
        f" count(*) FILTER (WHERE strpos(e.title, %(word{nth})s) > 0) AS title{nth}"
        for nth in range(words)
    ]
    every = " AND ".join(f"strpos(text.body, %(word{nth})s) > 0" for nth in range(words))
    return f"""sample AS MATERIALIZED (
    SELECT count(*) AS notes, count(*) FILTER (WHERE {every}) AS every, {", ".join(counted)}
    FROM newest JOIN search.entries e ON e.note_id = newest.id
    CROSS JOIN LATERAL (SELECT e.title || ' ' || e.content AS body OFFSET 0) text
),
"""


@cache
def _candidates_sql(branches: tuple[str, ...], scopes: tuple[str, ...], words: int) -> str:
    sources = ["(SELECT newest.id FROM newest)", "(SELECT behind.id FROM behind)"]
    lookups = _sample(words)
    # Without as many newest notes as were asked for there are no others.
    others = f"(SELECT count(*) FROM newest) >= {NEWEST} AND sample."
    for branch, scope in enumerate(scopes):
        each = [f"%(parts{nth})s::text[]" for nth in range(words)]
        enough = ""
        if words > 1:
            every = " || ".join([scope, *each])
            lookups += f"every{branch} AS MATERIALIZED {_lookup(every, f'{others}every < {OFTEN}')},\n"
            sources.append(f"(SELECT id FROM every{branch})")
            # Notes with all the words come before those with some of them, which are not needed when there are enough.
            enough = f" AND sample.every + (SELECT count(*) FROM every{branch}) < {OFTEN}"
        for nth in range(words):
            sources.append(_lookup(f"{scope} || %(title{nth})s::text[]", f"{others}title{nth} < {OFTEN}"))
            sources.append(_lookup(f"{scope} || {each[nth]}", f"{others}word{nth} < {OFTEN}{enough}"))
    return _whole(_CANDIDATES.replace("__LOOKUPS__", lookups), " UNION ".join(sources), branches)


@cache
def _alike_sql(branches: tuple[str, ...], scopes: tuple[str, ...]) -> str:
    sources = [
        f"""(SELECT seen.id FROM unnest(%(alike)s::text[]) parts
        CROSS JOIN LATERAL search.lookup({scope} || string_to_array(parts, ' '), {ALIKE_PER_SET}) seen (id)
        GROUP BY seen.id ORDER BY count(*) DESC, seen.id DESC LIMIT {ALIKE})"""
        for scope in scopes
    ]
    return _whole(_CANDIDATES.replace("__LOOKUPS__", ""), " UNION ".join(sources), branches)


@cache
def _found_sql(branches: tuple[str, ...]) -> str:
    return _FOUND.replace("__READABLE__", _readable(branches))


def _whole(template: str, picked: str, branches: Sequence[str]) -> str:
    return (
        template.replace("__BEHIND__", _BEHIND)
        .replace("__NEWEST__", _newest(branches))
        .replace("__PICKED__", picked)
        .replace("__FEW__", str(NEWEST + FEW_MORE))
        .replace("__READABLE__", _readable(branches))
    )
