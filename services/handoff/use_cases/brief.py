"""Briefs: gathered for several assignments at once, from what was said and what happened before."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.domain.brief import Brief, brief_of
from services.handoff.domain.origin import origin_of
from services.handoff.use_cases.commands import GONE
from shared.agreement import Agreement
from shared.database import Rows, Transaction

Offer = Any  # an assignment with its lead and its rep, as store.briefs.offers reads it


async def load_briefs(
    unit: Transaction, agreement: Agreement, assignment_ids: Collection[UUID]
) -> dict[UUID, tuple[Offer, Brief]]:
    """By assignment. One whose lead was erased has none."""
    if not assignment_ids:
        return {}
    offers = [row for row in await store.briefs.offers(unit, assignment_ids) if row["lead_state"] != "erased"]
    persons, leads = {row["person_id"] for row in offers}, {row["lead_id"] for row in offers}
    consents = _by("person_id", await store.briefs.consents(unit, persons))
    before = _by("person_id", await store.briefs.earlier_leads(unit, persons))
    tried = _by("lead_id", await store.briefs.earlier_offers(unit, leads))
    found: dict[UUID, tuple[Offer, Brief]] = {}
    for row in offers:
        snapshot = row["snapshot"]
        selection = agreement.selections.get(snapshot.get("selection") or "")
        brief = brief_of(
            snapshot,
            origin_of(snapshot.get("attribution") or {}, referred=bool(snapshot.get("referred_by"))),
            questions=selection.questions if selection else (),
            consents=[*(snapshot.get("consents") or []), *consents[row["person_id"]]],
            earlier_leads=[one for one in before[row["person_id"]] if one["lead_id"] != row["lead_id"]],
            earlier_offers=[one for one in tried[row["lead_id"]] if one["attempt"] < row["attempt"]],
        )
        found[row["assignment_id"]] = (row, brief)
    return found


def is_theirs(offer: Offer) -> bool:
    """Whether the lead is still this rep's: not given up or gone on to another, and the rep has not left."""
    return offer["state"] not in GONE and offer["owner_id"] == offer["rep_id"] and offer["rep_state"] != "left"


def _by(name: str, rows: Rows) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(dict(row))
    return found


def zone_of(offer: Offer, agreement: Agreement) -> str:
    """In which zone a rep reads times."""
    return offer["zone"] or agreement.company.zone
