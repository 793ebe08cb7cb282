"""How answers are written to the network."""

from __future__ import annotations

import asyncio

from api.wire import HELD_BYTES, JoiningTransport


class Recording(asyncio.Transport):
    """Remembers each write, and the end."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")


def test_head_and_body_leave_in_one_write() -> None:
    async def written() -> list[bytes | str]:
        wire = Recording()
        joining = JoiningTransport(wire, asyncio.get_running_loop())
        joining.write(b"head")
        joining.write(b"body")
        await asyncio.sleep(0)
        return wire.done

    assert asyncio.run(written()) == [b"headbody"]


def test_a_head_alone_does_not_wait_for_its_body() -> None:
    async def written() -> list[bytes | str]:
        wire = Recording()
        joining = JoiningTransport(wire, asyncio.get_running_loop())
        joining.write(b"head")
        await asyncio.sleep(0)
        joining.write(b"x" * (HELD_BYTES + 1))
        return wire.done

    assert asyncio.run(written()) == [b"head", b"x" * (HELD_BYTES + 1)]


def test_the_end_comes_behind_what_is_held() -> None:
    async def written(*, aborted: bool) -> list[bytes | str]:
        wire = Recording()
        joining = JoiningTransport(wire, asyncio.get_running_loop())
        joining.write(b"refusal")
        joining.abort() if aborted else joining.close()
        await asyncio.sleep(0)
        return wire.done

    assert asyncio.run(written(aborted=False)) == [b"refusal", "close"]
    assert asyncio.run(written(aborted=True)) == ["abort"]
