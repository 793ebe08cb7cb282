"""Which of several idle connections is lent."""

from __future__ import annotations

import asyncio

from eventstore.database import async_pool, sync_pool


def test_the_connection_that_was_used_last_is_used_next(database_url: str) -> None:
    with sync_pool(database_url, size=3, name="test") as pool:
        with pool.connection() as first, pool.connection() as second:
            assert first is not second
        for _ in range(3):
            # The first was put back last.
            with pool.connection() as again:
                assert again is first


def test_so_on_the_event_loop(database_url: str) -> None:
    async def main() -> None:
        async with async_pool(database_url, size=3, name="test") as pool:
            async with pool.connection() as first, pool.connection() as second:
                assert first is not second
            for _ in range(3):
                async with pool.connection() as again:
                    assert again is first

    asyncio.run(main())
