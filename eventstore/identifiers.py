"""Names for what happens, made where it happens."""

from __future__ import annotations

import os
from random import Random

_random = Random()  # noqa: S311 - nothing secret is made of it
# A forked process would go on with the numbers of its parent.
os.register_at_fork(after_in_child=_random.seed)


def unique_id() -> str:
    """16 hexadecimal digits that nothing else gets, and that are no secret: they can be foreseen.

    Asking the system for its randomness lets another thread go first, for every request and every command.
    """
    return f"{_random.getrandbits(64):016x}"
