"""Group commit: answers come after the write, one bad item harms no other, a full queue says so at once."""

import asyncio

import pytest

from shared.group_commit import CROWD, GroupCommit, Overloaded


async def test_items_that_arrive_together_share_a_write() -> None:
    batches: list[list[int]] = []

    async def write(items: list[int]) -> list[int]:
        batches.append(items)
        await asyncio.sleep(0.01)
        return [item * 2 for item in items]

    group: GroupCommit[int, int] = GroupCommit(write)
    running = asyncio.create_task(group.run())
    assert await asyncio.gather(*(group.submit(n) for n in range(50))) == [n * 2 for n in range(50)]
    assert len(batches) <= 3
    running.cancel()


async def test_a_crowd_does_not_wait_for_the_batch_before_it_but_a_single_one_does() -> None:
    batches: list[int] = []
    written = asyncio.Event()

    async def write(items: list[int]) -> list[int]:
        batches.append(len(items))
        await written.wait()
        return items

    group: GroupCommit[int, int] = GroupCommit(write, at_once=2)
    running = asyncio.create_task(group.run())
    asked = [asyncio.create_task(group.submit(0))]
    await asyncio.sleep(0.01)
    asked.append(asyncio.create_task(group.submit(1)))
    await asyncio.sleep(0.01)
    assert batches == [1]
    asked += [asyncio.create_task(group.submit(n)) for n in range(2, CROWD + 1)]
    await asyncio.sleep(0.01)
    asked += [asyncio.create_task(group.submit(n)) for n in range(CROWD + 1, 4 * CROWD)]
    await asyncio.sleep(0.01)
    assert batches == [1, CROWD]  # the second crowd waits: two at once are enough
    written.set()
    assert await asyncio.gather(*asked) == list(range(4 * CROWD))
    assert batches == [1, CROWD, 3 * CROWD - 1]
    running.cancel()


async def test_what_was_queued_or_on_its_way_at_the_end_is_still_answered() -> None:
    async def write(items: list[int]) -> list[int]:
        await asyncio.sleep(0.05)
        return items

    group: GroupCommit[int, int] = GroupCommit(write, batch=2)
    running = asyncio.create_task(group.run())
    asked = [asyncio.create_task(group.submit(n)) for n in range(5)]
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.sleep(0.01)
    running.cancel()  # asked again, as a service that stops does
    assert await asyncio.gather(*asked) == list(range(5))


async def test_a_bad_item_fails_alone_and_is_never_answered_as_stored() -> None:
    async def write(items: list[int]) -> list[int]:
        if 3 in items:
            raise ValueError("bad row")
        return items

    group: GroupCommit[int, int] = GroupCommit(write)
    running = asyncio.create_task(group.run())
    answers = await asyncio.gather(*(group.submit(n) for n in range(6)), return_exceptions=True)
    assert [answer for answer in answers if not isinstance(answer, Exception)] == [0, 1, 2, 4, 5]
    assert isinstance(answers[3], ValueError)
    running.cancel()


async def test_overload_and_an_absent_database_say_try_later() -> None:
    async def write(items: list[int]) -> list[int]:
        raise OSError("the database is away")

    group: GroupCommit[int, int] = GroupCommit(write, limit=1, patience=0.2)
    waiting = asyncio.create_task(group.submit(1))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await group.submit(2)
    running = asyncio.create_task(group.run())
    with pytest.raises(Overloaded):
        await waiting
    running.cancel()


async def test_background_work_is_told_when_answers_wait_in_crowds() -> None:
    async def write(items: list[int]) -> list[int]:
        return items

    group: GroupCommit[int, int] = GroupCommit(write)
    running = asyncio.create_task(group.run())
    await group.submit(1)
    assert not group.is_crowded
    await asyncio.gather(*(group.submit(n) for n in range(20)))
    assert not group.is_crowded, "they had gathered behind a pause"
    for _ in range(8):
        await asyncio.gather(*(group.submit(n) for n in range(20)))
    assert group.is_crowded
    await asyncio.sleep(0.15)
    assert not group.is_crowded
    running.cancel()


async def test_who_waits_too_long_is_told_so_though_the_write_hangs() -> None:
    async def write(items: list[int]) -> list[int]:
        await asyncio.sleep(5)
        return items

    group: GroupCommit[int, int] = GroupCommit(write, patience=0.2)
    running = asyncio.create_task(group.run())
    answers = await asyncio.gather(group.submit(1), group.submit(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Overloaded, Overloaded]
    running.cancel()
