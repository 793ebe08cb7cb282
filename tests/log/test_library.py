"""The library's own tests of recorders and applications hold for ours."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import AggregateRecorder
from eventsourcing.tests import persistence

from eventstore.recorder import LogRecorder
from eventstore.snapshots import SnapshotRecorder
from tests.log.clusters import Pool


def names_of_tests(case: type[Any]) -> list[str]:
    return [name for name in dir(case) if name.startswith("test_")]


class OurApplicationRecorder(persistence.ApplicationRecorderTestCase[LogRecorder]):
    __test__ = False
    pool: Pool
    # Numbers of appends that were rolled back stay out; readers know.
    EXPECT_CONTIGUOUS_NOTIFICATION_IDS = False

    def new_originator_id(self) -> str:
        return f"shapeless-{uuid4().int % 10**12}"  # a kind that no aggregate has, since snapshots of known kinds have to be of their shape

    def create_recorder(self) -> LogRecorder:
        return LogRecorder(self.pool)


class OurAggregateRecorder(persistence.AggregateRecorderTestCase):
    __test__ = False
    pool: Pool

    def new_originator_id(self) -> str:
        return f"shapeless-{uuid4().int % 10**12}"  # a kind that no aggregate has, since snapshots of known kinds have to be of their shape

    def create_recorder(self) -> AggregateRecorder:
        return SnapshotRecorder(self.pool)


@pytest.mark.parametrize("test", names_of_tests(OurApplicationRecorder))
def test_application_recorder(pool: Pool, test: str) -> None:
    case = OurApplicationRecorder(test)
    case.pool = pool
    case.debug()


@pytest.mark.parametrize("test", names_of_tests(OurAggregateRecorder))
def test_aggregate_recorder(pool: Pool, test: str) -> None:
    case = OurAggregateRecorder(test)
    case.pool = pool
    case.debug()
