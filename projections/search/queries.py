"""Asking the index: candidates for a query within bounded work, and the page of what was found.

Candidates are all notes in question where these are no more than a library of usual size, otherwise the newest of them and what
the index holds for the words, the best guesses first; and the notes that the index has not come to yet. Everything is asked of the
notes themselves once more: what the index says may be a moment old, who may read a note may not.
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
from projections.search.text import TITLE, different_words, folded, likely_parts, parts_of_word, title_term

WHOLE = 1000
"""So many of the caller's own notes, and of others', are looked at one by one: up to here the order is exact."""
NEWEST = 250
"""Where there are more, so many of the newest are looked at whatever the index says."""
SAMPLE = 125
"""In so many of these it is counted how frequent the words are."""
OFTEN = 15
"""A word in so many of the sample is a frequent one."""
UNINDEXED = 300
UNREAD_EVENTS = 2000
SAMPLED_WORDS = 8
"""The longest words of a query are counted and looked up; all of its words count in the order."""
TOGETHER = 4
"""The rarest of these are looked up together: hardly a note has them and not the frequent ones, whose lists take longest to go through."""
LOOKED_UP_WORDS = 2
"""The rarest are looked up one by one as well."""
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

_FOLDED = "lower(translate({text}, 'İς', 'iσ'))"
"""As `folded` does it."""

# Row by row: how many candidates there are is hard to tell beforehand, and whole tables would be read for many.
_CANDIDATES = f"""
WITH behind AS MATERIALIZED ({_BEHIND}),
__SOURCES__picked AS MATERIALIZED (__PICKED__)
SELECT convert_to('[' || coalesce(string_agg(json_build_array(
    note.id, (extract(epoch FROM note.last_edit) * 1000000)::bigint, note.title,
    CASE WHEN note.compared OR octet_length(coalesce(note.description, '')) <= 4 * %(longest)s THEN coalesce(note.description, '') END,
    CASE WHEN note.compared OR octet_length(note.content) <= 4 * %(longest)s THEN left(note.content, 500) END,
    note.held
)::text, ','), '') || ']', 'UTF8'), __OTHERS__
FROM (
    SELECT held.*, %(longest)s >= 500 OR strpos(held.held, '1') > 0 OR octet_length(held.body) > char_length(held.body) AS compared
    FROM (
        SELECT text.*, __HELD__ AS held
        FROM (
            SELECT n.id, n.last_edit, n.title, n.description, n.content,
                   coalesce(n.indexed || n.content, {_FOLDED.format(text="concat_ws(' ', n.title, n.description, n.content)")}) AS body
            FROM (
                SELECT n.id, n.last_edit, n.title, n.description, e.title || ' ' || e.description || ' ' AS indexed,
                       coalesce(e.content, (SELECT t.content FROM notes.note_texts t WHERE t.note_id = n.id)) AS content
                FROM picked
                CROSS JOIN LATERAL (SELECT n.* FROM notes.notes n WHERE n.id = picked.id AND (__READABLE__) OFFSET 0) n
                LEFT JOIN LATERAL (
                    SELECT e.* FROM search.entries e
                    WHERE e.note_id = n.id AND NOT EXISTS (SELECT FROM behind WHERE behind.id = n.id) OFFSET 0
                ) e ON true
                OFFSET 0
            ) n OFFSET 0
        ) text OFFSET 0
    ) held OFFSET 0
) note"""

_FOUND = f"""
SELECT array_agg(found.item ORDER BY found.nth), array_agg(found.fragment ORDER BY found.nth)
FROM (
    SELECT {ITEM} AS item, wanted.nth,
           substr(t.content, greatest(coalesce(place.at, 1) - {BEFORE_HIT}, 1), {FRAGMENT}) AS fragment
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY wanted (id, nth)
    JOIN notes.notes n ON n.id = wanted.id {JOINS}
    JOIN notes.note_texts t ON t.note_id = n.id
    LEFT JOIN search.entries e ON e.note_id = n.id
    CROSS JOIN LATERAL (SELECT coalesce(e.content, {_FOLDED.format(text="t.content")}) || '' AS body OFFSET 0) text
    CROSS JOIN LATERAL (
        SELECT min(nullif(strpos(text.body, word), 0)) AS at FROM unnest(%(words)s::text[]) word
    ) place
    WHERE __READABLE__
) found"""


def candidates(wanted: Wanted, query: str, words: Sequence[str]) -> Query:
    """(candidates as JSON, see read_candidates; whether there are notes that were not looked at)."""
    different = different_words(words)
    parts = [parts_of_word(word) for word in different[:SAMPLED_WORDS]]
    params = {
        "parts": [" ".join(of_word) for of_word in parts],
        "titles": [" ".join(TITLE + part for part in of_word) for of_word in parts],
        "same_title": [title_term(query)],
    }
    sql = _candidates_sql(tuple(wanted.branches()), _scopes(wanted), len(different))
    return Query(sql, {**wanted.params(), **params, **_about(query, words)})


def alike(wanted: Wanted, query: str, words: Sequence[str]) -> Query:
    """The same for words that may be misspelt: candidates are notes whose titles share parts with the query."""
    likely = list(dict.fromkeys(" ".join(TITLE + part for part in parts) for parts in likely_parts(words)))
    sql = _alike_sql(tuple(wanted.branches()), _scopes(wanted), len(different_words(words)))
    return Query(sql, {**wanted.params(), **_about(query, words), "alike": likely[:MOST_SETS_ALIKE]})


def read_candidates(answer: bytes) -> list[Candidate]:
    """What `candidates` and `alike` answer."""
    return [_candidate(*values) for values in orjson.loads(answer)]


def _candidate(note_id: int, last_edit: int, title: str, description: str | None, head: str | None, held: str) -> Candidate:
    return Candidate(
        note_id=note_id,
        last_edit=last_edit,
        title=folded(title),
        description=None if description is None else folded(description),
        head=None if head is None else folded(head),
        held=held,
    )


def found_notes(wanted: Wanted, note_ids: Sequence[int], words: Sequence[str]) -> Query:
    """(list items as JSON texts, pieces of the notes' texts around the first word found), in the order of the ids."""
    sql = _found_sql(tuple(wanted.branches()))
    return Query(sql, {**wanted.params(), "ids": list(note_ids), "words": list(dict.fromkeys(words))})


def _about(query: str, words: Sequence[str]) -> dict[str, object]:
    # A text more than four times as long as the query can never be like enough: without a word of it, and without letters whose
    # accents might not count, it does not travel.
    longest = 500 if len(query) > 120 else 4 * len(query) + 4
    return {"longest": longest, **{f"word{nth}": word for nth, word in enumerate(different_words(words))}}


def _held(words: int) -> str:
    each = [f"CASE WHEN strpos(text.body, %(word{nth})s) > 0 THEN '1' ELSE '0' END" for nth in range(words)]
    return f"concat({', '.join(each)})"


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


_NEWEST_FIRST = "ORDER BY n.last_edit DESC, n.id DESC"


def _many(nth: int) -> str:
    return f"(SELECT there_are FROM many{nth})"


def _newest(branches: Sequence[str]) -> str:
    """For each branch whether there are too many notes to look at each, and the newest of those branches."""
    many, each = "", []
    for nth, branch in enumerate(branches):
        beyond = f"SELECT FROM notes.notes n WHERE {branch} {_NEWEST_FIRST} LIMIT 1 OFFSET {WHOLE}"
        many += f"many{nth} AS MATERIALIZED (SELECT EXISTS ({beyond}) AS there_are),\n"
        each.append(f"(SELECT n.id, n.last_edit FROM notes.notes n WHERE {branch} AND {_many(nth)} {_NEWEST_FIRST} LIMIT {NEWEST})")
    return f"""{many}newest AS MATERIALIZED (
    SELECT newest.id FROM ({" UNION ALL ".join(each)}) newest ORDER BY newest.last_edit DESC LIMIT {NEWEST}
),
"""


def _sample(words: int) -> str:
    """In how many of the newest notes the words stand, and what is looked up therefore: what stands in many is not worth a look alone."""
    holds = [f"strpos(text.body, %(word{nth})s) > 0" for nth in range(words)]
    in_title = [f"strpos(e.title, %(word{nth})s) > 0" for nth in range(words)]
    return f"""sample AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE {" AND ".join(holds)}) AS every,
           {_counts(holds)} AS held, {_counts(in_title)} AS in_title
    FROM (SELECT newest.id FROM newest LIMIT {SAMPLE}) newest JOIN search.entries e ON e.note_id = newest.id
    CROSS JOIN LATERAL (SELECT e.title || ' ' || e.content AS body OFFSET 0) text
),
rarest AS MATERIALIZED ({_rarest("parts", "held")}),
rarest_in_titles AS MATERIALIZED ({_rarest("titles", "in_title")}),
"""


def _counts(conditions: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(f'count(*) FILTER (WHERE {condition})' for condition in conditions)}]"


def _rarest(parts: str, counts: str) -> str:
    return f"""
    SELECT string_to_array(word.parts, ' ') AS parts, word.notes
    FROM sample CROSS JOIN LATERAL unnest(%({parts})s::text[], sample.{counts}) WITH ORDINALITY word (parts, notes, nth)
    ORDER BY word.notes, word.nth LIMIT {TOGETHER}"""


def _lookup(scope: str, terms: str, gate: str) -> str:
    return f"(SELECT id FROM search.lookup({scope} || {terms}, {FROM_INDEX}) id WHERE {gate})"


def _together(rarest: str) -> str:
    return f"(SELECT array_agg(part) FROM {rarest} CROSS JOIN LATERAL unnest({rarest}.parts) part)"


def _one_by_one(scope: str, rarest: str, gate: str) -> str:
    rare = f"(SELECT parts FROM {rarest} WHERE notes < {OFTEN} LIMIT {LOOKED_UP_WORDS}) rare"
    return f"(SELECT seen.id FROM {rare} CROSS JOIN LATERAL search.lookup({scope} || rare.parts, {FROM_INDEX}) seen (id) WHERE {gate})"


@cache
def _candidates_sql(branches: tuple[str, ...], scopes: tuple[str, ...], words: int) -> str:
    sources = ["(SELECT newest.id FROM newest)", "(SELECT behind.id FROM behind)"]
    for nth, branch in enumerate(branches):
        sources.append(f"(SELECT n.id FROM notes.notes n WHERE {branch} AND NOT {_many(nth)} LIMIT {WHOLE})")
    others = f"({' OR '.join(map(_many, range(len(branches))))})"
    lookups = _newest(branches) + _sample(min(words, SAMPLED_WORDS))
    for nth, scope in enumerate(scopes):
        sources.append(_lookup(scope, "%(same_title)s::text[]", others))
        sources.append(_lookup(scope, _together("rarest_in_titles"), others))
        sought = f"{others} AND (SELECT every FROM sample) < {OFTEN}"
        lookups += f"every{nth} AS MATERIALIZED {_lookup(scope, _together('rarest'), sought)},\n"
        sources.append(f"(SELECT id FROM every{nth})")
        if words > 1:
            # Notes with all the words come before those with some of them, which are not needed when there are enough.
            too_few = f"(SELECT every FROM sample) + (SELECT count(*) FROM every{nth}) < {FROM_INDEX}"
            sources.append(_one_by_one(scope, "rarest_in_titles", others))
            sources.append(_one_by_one(scope, "rarest", f"{others} AND {too_few}"))
    return _whole(lookups, " UNION ".join(sources), others, branches, words)


@cache
def _alike_sql(branches: tuple[str, ...], scopes: tuple[str, ...], words: int) -> str:
    sources = [
        f"""(SELECT seen.id FROM unnest(%(alike)s::text[]) parts
        CROSS JOIN LATERAL search.lookup({scope} || string_to_array(parts, ' '), {ALIKE_PER_SET}) seen (id)
        GROUP BY seen.id ORDER BY count(*) DESC, seen.id DESC LIMIT {ALIKE})"""
        for scope in scopes
    ]
    return _whole("", " UNION ".join(sources), "true", branches, words)


@cache
def _found_sql(branches: tuple[str, ...]) -> str:
    return _FOUND.replace("__READABLE__", _readable(branches))


def _whole(sources: str, picked: str, others: str, branches: Sequence[str], words: int) -> str:
    return (
        _CANDIDATES.replace("__SOURCES__", sources)
        .replace("__PICKED__", picked)
        .replace("__OTHERS__", others)
        .replace("__HELD__", _held(words))
        .replace("__READABLE__", _readable(branches))
    )
