"""The value of fields that a partial change does not name."""

from __future__ import annotations

from typing import Final


class Unset:
    """The type of UNSET."""


UNSET: Final = Unset()
"""A field that a partial change does not name: it stays as it is, unlike one that becomes None."""
