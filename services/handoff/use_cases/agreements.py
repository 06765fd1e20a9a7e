"""Applying an agreement: kept for ever, in force from the next decision, published for the others."""

from datetime import datetime, timedelta
from typing import Any

from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.use_cases.facts import announce
from services.handoff.use_cases.policy import parse_new
from shared import events
from shared.agreement import AgreementError, hash_of
from shared.database import Transaction

KEY = "agreement"
TEAMS = ("marketing", "sales")
PUBLISH_AGAIN_AFTER = timedelta(days=1)  # topics forget after 7 days: who joins later must find it


def check_signatures(signed_by: list[str]) -> None:
    """Both teams sign, each once: `marketing` or `marketing=NAME`, `sales` or `sales=NAME`. Raises AgreementError."""
    teams = [one.partition("=")[0].strip().lower() for one in signed_by]
    if strangers := [team for team in teams if team not in TEAMS]:
        raise AgreementError(f"Marketing and sales sign an agreement; {strangers[0]!r} is neither.")
    for team in TEAMS:
        if teams.count(team) != 1:
            what = "has not signed" if team not in teams else "signed twice"
            raise AgreementError(f"{team.capitalize()} {what}: give --signed-by marketing and --signed-by sales, each once.")


async def apply_agreement(unit: Transaction, text: str, signed_by: list[str], now: datetime) -> str:
    """Store a version and publish it; every rep joins the pools for everyone. Returns its hash; raises AgreementError."""
    agreement = parse_new(text)
    before = await store.agreements.newest(unit)
    at = max(now, before["at"] + timedelta(microseconds=1)) if before else now  # this machine's clock may be behind
    row: dict[str, Any] = {"hash": hash_of(text), "text": text, "at": at, "signed_by": signed_by, "published_at": now}
    unit.agreement = None
    await unit.insert(
        models.AgreementVersion,
        [row],
        "ON CONFLICT (hash) DO UPDATE SET at = excluded.at, signed_by = excluded.signed_by, published_at = excluded.published_at",
    )
    await store.pools.join_everyone(unit, [name for name, pool in agreement.pools.items() if pool.everyone])
    await store.timers.wake_held(unit)
    await _publish(unit, row["hash"], text, at, signed_by, now)
    return str(row["hash"])


async def seed(unit: Transaction, text: str, *, with_owner: bool, now: datetime) -> None:
    """An empty installation starts with the shipped agreement and, on one machine, with its owner as the only rep."""
    await store.agreements.lock_seeding(unit)
    if await store.agreements.newest(unit) is None:
        await apply_agreement(unit, text, ["shipped default"], now)
    if with_owner and not await store.people.reps(unit):
        owner = {"id": uuid7(), "name": "Owner", "email": "owner@localhost", "state": "active", "created_at": now}
        await unit.insert(models.Rep, [owner])


async def publish_again(unit: Transaction, now: datetime) -> None:
    current = await store.agreements.newest(unit)
    if current is not None and now - current["published_at"] >= PUBLISH_AGAIN_AFTER:
        await store.agreements.note_published(unit, current["hash"], now)
        await _publish(unit, current["hash"], current["text"], current["at"], current["signed_by"], now)


async def _publish(unit: Transaction, hash: str, text: str, at: datetime, signed_by: list[str], now: datetime) -> None:
    event = events.AgreementApplied(hash=hash, text=text, at=at, signed_by=signed_by)
    await announce(unit, [event], now, key=KEY)
