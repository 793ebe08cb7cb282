"""The parts by which the index finds a text."""

from __future__ import annotations

import os
import subprocess
import sys

ENDLESS = """
from projections.search.text import MOST_PARTS, parts_of_text, stored
from hashlib import blake2b
from zlib import crc32
parts = parts_of_text(" ".join(blake2b(b"%d" % n, digest_size=8).hexdigest() for n in range(40_000)))
assert len(parts) > MOST_PARTS
print(len(parts), crc32(stored(parts).encode()))
"""


def test_of_an_endless_text_every_process_takes_the_same_parts() -> None:
    """A verification compares what two of them have made."""
    taken = {
        subprocess.run(
            [sys.executable, "-c", ENDLESS], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(taken) == 1
