"""A server of its own per test, and what is written to it while things go wrong."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore import embedded


@pytest.fixture
def folder() -> Iterator[Path]:
    """Data folder of a server that may be killed."""
    made = Path(tempfile.mkdtemp(prefix="ntc-"))
    yield made
    embedded.stop(made)
    shutil.rmtree(made, ignore_errors=True)
