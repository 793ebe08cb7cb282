"""Texts as the search sees them: folded, and cut into the short parts by which the index finds them.

A part is three characters of a word, or five: many texts share three characters, few share five. Two and one as well where
words are written without blanks between them. A word of the query lies inside a text only if all its parts do, wherever the
word begins.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest

PART = 3
LONG_PART = 5
"""Words of a query that are as long are looked up by parts of this length: the shorter the lists of the index, the faster."""
PARTS_PER_CHARACTER = 4
"""No text has more: at each place one of each length begins at most."""
MOST_PARTS = 200_000
"""Of one text. Only megabytes without any repetition have more; what lies behind is found while it is new."""
LONGEST_USUAL = 24
"""Letters of a word whose parts are kept at hand."""
MOST_WORDS_KEPT = 8192
TITLE = "^"
"""Stands before parts of the title."""
LONGEST_QUERY = 256
MOST_WORDS = 32

# Han, kana, hangul and Thai: scripts whose words are not, or not always, set apart.
_DENSE = re.compile(r"[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


def folded(text: str) -> str:
    """The text in lower case, character by character, so that places in it are the places in the original."""
    # In lower case the capital İ is the only letter that becomes two.
    return text.replace("İ", "i").lower().replace("ς", "σ")


class _Unaccented(dict[int, str]):
    """Character -> the same without its accents, worked out on first use."""

    def __missing__(self, code: int) -> str:
        taken_apart = unicodedata.normalize("NFKD", chr(code))
        marks = taken_apart[1:]
        plain = taken_apart[0] if marks and all(unicodedata.category(mark) == "Mn" for mark in marks) else chr(code)
        self[code] = plain
        return plain


_UNACCENTED = _Unaccented()


def unaccented(text: str) -> str:
    """The text without accents, of the same length."""
    return text if text.isascii() else text.translate(_UNACCENTED)


def query_words(query: str) -> list[str]:
    """The words of a query, in lower case, in their order; of an endless query the beginning."""
    return folded(query.replace("\0", " ")).split()[:MOST_WORDS]


def different_words(words: Sequence[str]) -> list[str]:
    """The words of a query without those that come again, the longest first."""
    return sorted(dict.fromkeys(words), key=len, reverse=True)


def title_term(title: str) -> str:
    """What titles of the same words in the same order have in common."""
    return f"{TITLE}={hashlib.blake2b(' '.join(folded(title).split()).encode(), digest_size=8).hexdigest()}"


def parts_of_text(text: str) -> set[str]:
    """All parts of a folded text."""
    words = unaccented(text).split()
    if len(text) * PARTS_PER_CHARACTER <= MOST_PARTS:
        return set().union(*map(_PARTS.__getitem__, set(words)))
    found: set[str] = set()
    # In their order, so that of an endless text the same parts are found each time.
    for word in dict.fromkeys(words):
        found |= _PARTS[word]
        if len(found) > MOST_PARTS:
            break
    return found


def _all_parts(word: str) -> frozenset[str]:
    parts = {word} if len(word) <= PART else set(_slices(word, PART))
    if len(word) >= LONG_PART:
        parts.update(_slices(word, LONG_PART))
    if not word.isascii():
        parts.update(_dense_parts(word))
    return frozenset(parts)


class _Parts(dict[str, frozenset[str]]):
    """Word -> its parts. Texts are made of the same words again and again, so those of usual length are kept, up to MOST_WORDS_KEPT."""

    def __missing__(self, word: str) -> frozenset[str]:
        parts = _all_parts(word)
        if len(word) <= LONGEST_USUAL:
            if len(self) >= MOST_WORDS_KEPT:
                self.clear()
            self[word] = parts
        return parts


_PARTS = _Parts()


def parts_of_word(word: str) -> list[str]:
    """The parts by which a word of a query is looked up, side by side: with those that overlap, looking up takes longer and
    finds hardly less. A shorter word is looked up as it is.
    """
    word = unaccented(word)[:LONGEST_QUERY]
    length = LONG_PART if len(word) >= LONG_PART else PART
    last = len(word) - length
    return sorted({word[at : at + length] for at in (*range(0, last, length), last)}) if last > 0 else [word]


def likely_parts(words: Sequence[str]) -> list[list[str]]:
    """Short parts of words of a query that may be misspelt, the most telling sets of them first: wherever the letter is that is
    wrong, what was meant has all parts of some of these sets, and few other texts have.
    """
    by_word = (_likely_parts_of_word(unaccented(word)[:LONGEST_QUERY]) for word in words)
    return [parts for same_place in zip_longest(*by_word) for parts in same_place if parts]


def _likely_parts_of_word(word: str) -> list[list[str]]:
    parts = list(_slices(word, PART)) or [word]
    first, last = parts[0], parts[-1]
    if len(parts) < 3:
        return [[part] for part in parts]
    alone = [[first], [last]] if len(word) < 7 else []
    return [[first, last], *alone, *map(list, pairwise(parts))]


def _slices(word: str, length: int) -> Iterator[str]:
    return (word[at : at + length] for at in range(len(word) - length + 1))


def _dense_parts(word: str) -> Iterator[str]:
    for match in _DENSE.finditer(word):
        at = match.start()
        yield word[at]
        if at + 1 < len(word):
            yield word[at : at + 2]


def stored(terms: Iterable[str]) -> str:
    """Terms as one column; none of them holds a blank."""
    return " ".join(sorted(terms))
