"""A task that is told to end does end, and first does what it must."""

import asyncio

import pytest

from shared import stopping
from shared.stopping import end, to_the_end


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "ASK_AGAIN_SECONDS", 0.05)


async def test_who_swallows_a_cancellation_is_asked_again() -> None:
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if swallowed == 2:
                    raise
                swallowed += 1

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end([task])
    assert (swallowed, task.cancelled()) == (2, True)


async def test_what_must_be_done_is_done_however_often_the_task_is_asked() -> None:
    done = asyncio.Event()

    async def land() -> None:
        await asyncio.sleep(0.3)  # six times asked again meanwhile
        done.set()

    async def flying() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await to_the_end(land())

    task = asyncio.create_task(flying())
    await asyncio.sleep(0)
    await end([task])
    assert done.is_set()
    assert task.cancelled()


async def test_an_error_in_what_must_be_done_is_not_lost() -> None:
    async def fails() -> None:
        raise ValueError("the reason")

    with pytest.raises(ValueError, match="the reason"):
        await to_the_end(fails())
