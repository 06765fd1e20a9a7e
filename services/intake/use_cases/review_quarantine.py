"""Ops look at what was set aside: release it, perhaps mended, or discard it. Nothing is ever deleted."""

from collections.abc import Mapping
from uuid import UUID

from services.intake.adapters.contact_details import bare_email, e164
from services.intake.domain.forms import LIMITS, SELECTIONS
from services.intake.store import quarantine as store
from shared.database import Transaction


class NotInQuarantine(Exception):
    """There is no such submission, or it was released or discarded already."""


class CannotMend(ValueError):
    """The value is none the field can have; the sentence says so."""


async def release(unit: Transaction, lead_id: UUID, mended: Mapping[str, str], *, region: str) -> None:
    """Back among the waiting: the second step takes it as if it had just come. `region`: where its form names none."""
    row = await store.held(unit, lead_id)
    if row is None:
        raise NotInQuarantine
    region = row["region"] or region
    fields = row["content"]["fields"] | {name: _checked(name, value, region) for name, value in mended.items()}
    await store.release(unit, lead_id, row["content"] | {"fields": fields})


def _checked(name: str, value: str, region: str) -> str:
    if name not in LIMITS:
        raise CannotMend(f"{name} is no field: choose among {', '.join(LIMITS)}.")
    normal = e164(value, region) if name == "phone" else bare_email(value) if name == "email" else value.strip()
    if not normal or len(normal) > LIMITS[name] or (name != "message" and not normal.isprintable()):
        raise CannotMend(f"This isn't a valid {name.replace('_', ' ')}.")
    return normal.lower() if name == "selection" and normal.lower() in SELECTIONS else normal


async def discard(unit: Transaction, lead_id: UUID, reason: str) -> None:
    """Disqualified, with the reason: the ledger still balances."""
    if not await store.discard(unit, [lead_id], f"discarded: {reason}"[:500]):
        raise NotInQuarantine
