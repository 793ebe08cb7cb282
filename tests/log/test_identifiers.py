"""Names that nothing else may get, in whatever process they are made."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from eventstore.identifiers import FETCHED, unique_id, unique_uuid


def test_names_are_sixteen_digits_and_differ() -> None:
    names = {unique_id() for _ in range(1000)}
    assert len(names) == 1000
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_uuids_are_random_ones() -> None:
    uuids = [UUID(unique_uuid()) for _ in range(100)]
    assert len(set(uuids)) == 100
    assert {uuid.version for uuid in uuids} == {4}


def test_threads_never_get_the_same() -> None:
    with ThreadPoolExecutor(8) as threads:
        names = list(threads.map(lambda _: unique_id(), range(20 * FETCHED)))
    assert len(set(names)) == len(names)


def test_forked_processes_do_not_go_on_alike() -> None:
    read, write = os.pipe()
    children = []
    for _ in range(2):
        child = os.fork()
        if not child:
            os.write(write, unique_id().encode())
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    told = os.read(read, 1000).decode()
    os.close(read)
    os.close(write)
    assert len({told[:16], told[16:], unique_id()}) == 3
