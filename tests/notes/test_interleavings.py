"""Whatever several devices do in whatever order: live rows are what a replay makes, no acknowledged text is lost, and
nothing of one account is changed by another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import connect

from projections.catalog import ALL_PROJECTIONS
from projections.verify import verify
from settings import Settings
from tests.notes.household import Household, Step

SignIn = Callable[[], httpx.Client]

LINES = st.lists(st.sampled_from(["alpha", "beta", "gamma delta", "# Head", "- item", "日本語の文", "```", "> said", ""]), max_size=6)
KINDS = (
    "create",
    "replay",
    "fork",
    *("edit", "insert") * 4,
    "pull",
    "publish",
    "cover",
    "add_block",
    "change_block",
    "delete_block",
    "reorder",
    "write_blocks",
    "make_course",
    "file",
    "delete_course",
    "restore_course",
    *("delete", "recover") * 2,
    "empty",
    "snapshot",
    "go_back",
    *("undo", "undo_named") * 2,
    "trespass",
)
STEPS = st.builds(
    Step,
    kind=st.sampled_from(KINDS),
    device=st.integers(0, 3),
    pick=st.integers(0, 11),
    text=LINES.map("\n".join),
    knows=st.sampled_from(["nothing", "base_version", "if_match", "last_edit"]),
)
FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@FEW
@given(steps=st.lists(STEPS, min_size=4, max_size=25))
def test_devices_that_take_turns(sign_in: SignIn, settings: Settings, steps: list[Step]) -> None:
    household = Household(sign_in(), sign_in())
    household.do_all(steps)
    hold_together(household, settings)


@FEW
@given(first=st.lists(STEPS, min_size=2, max_size=10), second=st.lists(STEPS, min_size=2, max_size=10))
def test_devices_at_the_same_time(sign_in: SignIn, settings: Settings, first: list[Step], second: list[Step]) -> None:
    household = Household(sign_in(), sign_in())
    # What a bin holds when it is emptied, and what a stranger sees meanwhile, is only known when devices take turns.
    lists = [[step for step in steps if step.kind not in {"empty", "trespass"}] for steps in (first, second)]
    with ThreadPoolExecutor(len(lists)) as devices:
        for done in [devices.submit(household.do_all, steps) for steps in lists]:
            done.result()
    hold_together(household, settings)


def hold_together(household: Household, settings: Settings) -> None:
    """What has to be so after any steps."""
    # This takes notes out of the recycle bin, where their past cannot be read.
    assert household.lost() == []
    assert household.misremembered(most=6) == []
    found = verify(settings.conninfo(), ALL_PROJECTIONS, allow_empty=True)
    assert found.different == 0, found.differences
    with connect(settings.conninfo()) as connection:
        foreign = connection.execute(WRITTEN_BY_OTHERS).fetchall()
    assert foreign == []


# Comments become private when their source goes, notes leave a course that its owner deletes; no step here does either to others.
WRITTEN_BY_OTHERS = """
SELECT e.stream, e.version, e.type FROM notes.notes n JOIN log.events e ON e.stream = 'note-' || n.id
WHERE e.actor <> n.owner_id
UNION ALL
SELECT e.stream, e.version, e.type FROM courses.courses c JOIN log.events e ON e.stream = 'course-' || c.id
WHERE e.actor <> c.owner_id"""


@pytest.mark.falsifies
def test_a_falsified_row_would_be_found(sign_in: SignIn, settings: Settings) -> None:
    note_id = Household(sign_in(), sign_in()).accounts[0].notes[0]
    with connect(settings.conninfo(), autocommit=True) as connection:
        connection.execute("UPDATE notes.notes SET title = 'falsified' WHERE id = %s", (note_id,))
        assert verify(settings.conninfo(), ALL_PROJECTIONS, allow_empty=True).different == 1
        connection.execute(
            "UPDATE notes.notes SET title = (SELECT title FROM notes.note_texts WHERE note_id = id) WHERE id = %s", (note_id,)
        )
    assert verify(settings.conninfo(), ALL_PROJECTIONS, allow_empty=True).different == 0
