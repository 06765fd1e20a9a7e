"""Group commit: requests that arrive together share one transaction, and each is answered after it committed.

No timer is needed: while one batch is written, the next collects itself. A crowd that has collected meanwhile may go at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from shared.database import is_transient
from shared.stopping import to_the_end

Item = TypeVar("Item")
Answer = TypeVar("Answer")


CROWD, CROWD_SECONDS = 12, 0.1  # this many answers in the usual batch; how long that counts
RECENT = 0.2  # what one batch weighs in the usual one: a pause after which many wait at once is no crowd


class Overloaded(Exception):
    """The queue is full, or the database is away: ask again later."""


class GroupCommit(Generic[Item, Answer]):
    """`write` stores a batch in one transaction and answers per item, in order."""

    def __init__(
        self,
        write: Callable[[list[Item]], Awaitable[list[Answer]]],
        *,
        batch: int = 256,
        limit: int = 4096,
        patience: float = 8.0,
        at_once: int = 1,
    ) -> None:
        self._write, self._batch, self._limit, self._patience, self._at_once = write, batch, limit, patience, at_once
        self._in_hand: set[asyncio.Task[None]] = set()
        self._queue: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._asked: deque[tuple[float, asyncio.Future[Answer]]] = deque()
        self._arrived = asyncio.Event()
        self._usual, self._last = 0.0, 0.0

    @property
    def is_crowded(self) -> bool:
        """Whether many answers wait at once, again and again: background work yields to them."""
        return self._usual >= CROWD and asyncio.get_running_loop().time() < self._last + CROWD_SECONDS

    async def submit(self, item: Item) -> Answer:
        """Return the answer once the item is committed. Raises Overloaded; then nothing was promised."""
        if len(self._queue) >= self._limit:
            raise Overloaded
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._queue.append((item, future))
        self._asked.append((loop.time() + self._patience, future))
        self._arrived.set()
        return await future

    async def run(self) -> None:
        """Write batches for ever; on cancellation what was queued is still written."""
        impatience = asyncio.create_task(self._lose_patience())
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._may_go():
                    self._go()
        finally:
            await to_the_end(self._finish())
            impatience.cancel()

    def _may_go(self) -> bool:
        """One batch at a time; a crowd need not wait for the batch before it, so that the database is never idle."""
        if not self._in_hand:
            return bool(self._queue)
        return len(self._in_hand) < self._at_once and len(self._queue) >= CROWD

    def _go(self) -> None:
        waiting = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
        waiting = [(item, future) for item, future in waiting if not future.done()]  # nobody waits: nothing was promised
        if not waiting:
            return
        self._usual += (len(waiting) - self._usual) * RECENT
        self._last = asyncio.get_running_loop().time()
        task = asyncio.create_task(self._answer(waiting))
        self._in_hand.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._arrived.set()

    async def _finish(self) -> None:
        while self._in_hand or self._queue:
            while self._may_go():
                self._go()
            if self._in_hand:
                await asyncio.wait(self._in_hand)

    async def _lose_patience(self) -> None:
        """Refuse who has waited too long; one clock for all costs less than a timer for each."""
        while True:
            await asyncio.sleep(self._patience / 16)
            now = asyncio.get_running_loop().time()
            while self._asked and (self._asked[0][0] <= now or self._asked[0][1].done()):
                _fail([(None, self._asked.popleft()[1])], Overloaded())

    async def _answer(self, waiting: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._write([item for item, _ in waiting])
            pairs = list(zip(waiting, answers, strict=True))
        except Exception as error:
            if is_transient(error):
                _fail(waiting, Overloaded())
            elif len(waiting) == 1:
                _fail(waiting, error)
            else:  # one bad row failed the batch: the others must not suffer, and a batch error is never an answer
                for one in waiting:
                    await self._answer([one])
            return
        for (_, future), answer in pairs:
            if not future.done():
                future.set_result(answer)


def _fail(waiting: Sequence[tuple[Any, asyncio.Future[Any]]], error: Exception) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(error)
