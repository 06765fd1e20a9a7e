"""What the other side answered becomes rows, journal and events; many answers share one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.adapters.smtp import Answer
from services.followup.adapters.witnesses import Seen
from services.followup.domain.bounces import Failure, verdict_of
from services.followup.domain.consent import EVERYTHING
from services.followup.domain.sending import Breaker, busy_until, retry_at
from services.followup.use_cases.consent import Addresses, revoke, suppress_address
from services.followup.use_cases.sending.compose import Outgoing
from services.followup.use_cases.sending.ends import End, end_touches
from shared.database import Transaction
from shared.mail import written_address

Result = tuple[Outgoing, Answer]


@dataclass(frozen=True, slots=True)
class Recorder:
    addresses: Addresses
    breaker: Breaker
    settle_delay: timedelta

    async def record(self, unit: Transaction, results: Sequence[Result], now: datetime) -> None:
        """The clients are locked first: what happens to one of them is told in the order it happened."""
        await store.clients.lock_all(unit, {outgoing.touch["client_id"] for outgoing, _ in results})
        ends: list[End] = []
        again: list[tuple[UUID, int, datetime, int]] = []
        doubtful: list[tuple[UUID, int]] = []
        for outgoing, answer in results:
            where = self.addresses.of(written_address(outgoing.recipient))
            touch = {**dict(outgoing.touch), "message_id": outgoing.message_id, "address_hash": where}
            id, fence, attempts = touch["id"], touch["fence"], touch["attempt"] + 1
            retry = retry_at(str(id), attempts, now) if answer.result == "again" else None
            if answer.result == "sent":
                ends.append((touch, "sent", None))
            elif answer.result == "doubt":
                doubtful.append((id, fence))
            elif answer.result == "unsent":
                again.append((id, fence, now, 0))
            elif answer.result == "busy":
                again.append((id, fence, busy_until(str(id), fence, now), 0))
            elif retry is not None:
                again.append((id, fence, retry, 1))
            else:
                ends.append((touch, "failed", await self._why(unit, outgoing, answer, now)))
            self._note(outgoing, answer, now)
        await end_touches(unit, ends, now)
        await store.sending.plan_again(unit, again)
        await store.sending.wait_for_witness(unit, doubtful, now + self.settle_delay)

    async def _why(self, unit: Transaction, outgoing: Outgoing, answer: Answer, now: datetime) -> str:
        """A refusal that speaks about the address, or of what its owner wants, ends more than this touch."""
        if answer.stopped:
            client = await store.clients.lock(unit, outgoing.touch["client_id"])  # who they are today
            await revoke(unit, self.addresses, client, outgoing.touch["channel"], [EVERYTHING], "stop", now)
            return "opt_out"
        words = Failure((outgoing.recipient,), action="failed", status=answer.status, words=answer.detail)
        if answer.code and (answer.at_recipient or answer.status.startswith("5.1")) and verdict_of(words) == "hard":
            known_as = written_address(outgoing.recipient)
            await suppress_address(unit, self.addresses, outgoing.touch["channel"], known_as, "hard_bounce", now)
            return "hard_bounce"
        return f"refused {answer.status or answer.code or answer.detail}"[:200]

    def _note(self, outgoing: Outgoing, answer: Answer, now: datetime) -> None:
        if outgoing.touch["channel"] == "email" and answer.result in ("sent", "never"):
            refused = answer.result == "never" and not answer.status.startswith("5.1") and answer.code != 0
            self.breaker.note(outgoing.recipient.rpartition("@")[2].lower(), refused=refused, now=now)


async def settle_doubts(
    unit: Transaction, touches: Sequence[Any], seen: Mapping[str, Seen], policies: Mapping[UUID, str], now: datetime
) -> None:
    """Nobody heard the answer. A witness knows; without one the plan says on which side to err."""
    ends: list[End] = []
    again: list[tuple[UUID, int, datetime | None]] = []
    await store.clients.lock_all(unit, {touch["client_id"] for touch in touches})
    for touch in touches:
        known, id, fence = seen.get(touch["message_id"]), touch["id"], touch["fence"]
        if known is None and touch["message_id"] in seen and now - touch["lease_until"] < timedelta(hours=24):
            continue  # the witness cannot be asked just now
        if known is True:
            ends.append((touch, "sent", None))
        elif isinstance(known, datetime):
            again.append((id, fence, known))
        elif known is False or policies.get(id) == "resend":
            again.append((id, fence, None))
        else:
            ends.append((touch, "failed", "in_doubt"))
    await end_touches(unit, ends, now, told_by="witness")
    await store.sending.repeat(unit, again, now)
