"""Ending tasks so that they do end, and so that what they must still do is done."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any

ASK_AGAIN_SECONDS = 2.0


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel until it holds: before Python 3.12 a wait_for, ours or a library's, can swallow a cancellation (cpython#86296)."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=ASK_AGAIN_SECONDS)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """For what a task that is being ended must still do, however often it is asked to end. The work bounds itself."""
    task = asyncio.create_task(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
