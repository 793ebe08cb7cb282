"""Pieces of text with the found words marked, as HTML that is safe to show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from projections.search.text import folded

LENGTH = 200


def snippet(fragment: str, words: Sequence[str]) -> str:
    """The fragment on one line, escaped, each word of the query between <mark> and </mark>."""
    text = re.sub(r"\s+", " ", fragment).strip()[:LENGTH]
    wanted = sorted({word for word in words if word}, key=len, reverse=True)
    if not wanted:
        return escape(text)
    pattern = re.compile("|".join(map(re.escape, wanted)))
    marked = []
    at = 0
    for match in pattern.finditer(folded(text)):
        marked += [escape(text[at : match.start()]), "<mark>", escape(text[match.start() : match.end()]), "</mark>"]
        at = match.end()
    marked.append(escape(text[at:]))
    return "".join(marked)
