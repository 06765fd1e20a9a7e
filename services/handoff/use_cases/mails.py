"""Mails to reps: claim what is due, write each from what is true now, forget what no longer matters."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.adapters.links import Links
from services.handoff.adapters.mails import Mail, build_mail, offer_subject
from services.handoff.domain.brief import Brief, local_time
from services.handoff.use_cases.brief import is_theirs, load_briefs, zone_of
from services.handoff.use_cases.policy import current_agreement
from shared import telemetry
from shared.agreement import Agreement
from shared.database import Transaction
from shared.mail import Unsendable, split_mailbox

LEASE = timedelta(seconds=120)  # longer than a slow relay needs for a claim
AT_ONCE = 50
ATTEMPTS = 8
DIGEST_ABOVE = 5  # nobody reads forty mails that come in one minute
STALE_AFTER = timedelta(days=1)
SUBJECTS = {
    "warning": "A lead is waiting: please act soon",
    "escalated": "A lead needs a manager",
    "touched": "A lead of yours reached out again",
    "recovery": "A client of yours is not happy",
    "reply": "A client of yours has answered",
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail, and the jobs it is part of."""

    mail: Mail
    job_ids: list[UUID]


@dataclass(slots=True)
class Batch:
    """What the mails of one claim are written from."""

    agreement: Agreement
    links: Links
    now: datetime
    offers: dict[UUID, Any]
    reps: dict[UUID, Any]

    @property
    def managers(self) -> list[Any]:
        return [rep for rep in self.reps.values() if rep["manager"]]

    @property
    def company(self) -> dict[str, str]:
        name, address = split_mailbox(self.agreement.company.sender)
        return {"name": name, "email": address, "zone": ""}


async def claim_mails(unit: Transaction, links: Links, now: datetime) -> tuple[list[Outgoing], bool]:
    """Take due mails for a while, and say whether more may be due. Those that no longer matter are forgotten at once."""
    jobs = await store.mails.claim(unit, now, LEASE, AT_ONCE, crowd=DIGEST_ABOVE)
    if not jobs:
        return [], False
    agreement = await current_agreement(unit)
    crowds = await _crowds(unit, [job for job in jobs if job["kind"] == "offer"], now)
    in_crowd = {waiting["id"] for _, waiting in chain.from_iterable(crowds.values())}
    offers = await load_briefs(unit, agreement, {job["assignment_id"] for job in jobs if job["assignment_id"]} - in_crowd)
    notices = [job["lead_id"] for job in jobs if job["kind"] not in ("offer", "warning")]
    active = {lead_id: row["id"] for lead_id, row in (await store.assignments.active_of(unit, notices)).items()}
    offers |= await load_briefs(unit, agreement, set(active.values()) - offers.keys())
    rep_ids = {offer["rep_id"] for offer, _ in offers.values()} | set(crowds)
    reps = {row["id"]: row for row in await store.mails.recipients(unit, rep_ids)}
    batch = Batch(agreement, links, now, offers, reps)
    found = [mail for rep_id, own in crowds.items() if rep_id in reps for mail in _digest(batch, rep_id, own)]
    for job in jobs:
        if job["kind"] == "offer":
            found += _offer(batch, job)
        else:  # its lead may have gone to another since
            moved = job["kind"] != "warning" and active.get(job["lead_id"])
            found += _notices(batch, dict(job) | {"assignment_id": moved or job["assignment_id"]})
    kept = {job_id for one in found for job_id in one.job_ids}
    await store.mails.done(unit, [job["id"] for job in jobs if job["id"] not in kept])
    return found, len(jobs) >= AT_ONCE


async def _crowds(unit: Transaction, jobs: list[Any], now: datetime) -> dict[UUID, list[tuple[Any, Any]]]:
    """Reps with so many open offers that one mail tells them of all: each job with its offer."""
    waiting = {row["id"]: row for row in await store.mails.open_offers(unit, [job["assignment_id"] for job in jobs])}
    by_rep: dict[UUID, list[tuple[Any, Any]]] = defaultdict(list)
    for job in jobs:
        if (offer := waiting.get(job["assignment_id"])) is not None and _is_worth_it(job, now):
            by_rep[offer["rep_id"]].append((job, offer))
    return {rep_id: own for rep_id, own in by_rep.items() if len(own) > DIGEST_ABOVE}


def _is_worth_it(job: Any, now: datetime) -> bool:
    return bool(job["attempts"] <= ATTEMPTS and now - job["created_at"] < STALE_AFTER)


def _offer(batch: Batch, job: Any) -> Iterable[Outgoing]:
    """A mail with the brief, while the offer is still open."""
    offer, brief = batch.offers.get(job["assignment_id"], (None, None))
    if offer is None or offer["state"] != "offered" or offer["rep_id"] not in batch.reps or not _is_worth_it(job, batch.now):
        return
    zone = zone_of(offer, batch.agreement)
    values = {
        "template": "offer",
        "subject": offer_subject(offer, zone, batch.agreement.selections),
        "offer": offer,
        "brief": brief,
        "zone": zone,
        "link": batch.links.offer(offer["assignment_id"], batch.now),
        "leads_link": batch.links.leads_of(offer["rep_id"], batch.now),
        **_envelope(batch, batch.reps[offer["rep_id"]], job["id"]),
    }
    yield from _built([job["id"]], values)


def _digest(batch: Batch, rep_id: UUID, own: list[tuple[Any, Any]]) -> Iterable[Outgoing]:
    """One mail for a crowd: how many, until when, and where to answer."""
    job_ids, rep = [job["id"] for job, _ in own], batch.reps[rep_id]
    values = {
        "template": "digest",
        "subject": f"{len(own)} new leads wait for your answer",
        "zone": rep["zone"] or batch.agreement.company.zone,
        "first": min(offer["expires_at"] for _, offer in own),
        "leads_link": batch.links.leads_of(rep_id, batch.now),
        **_envelope(batch, rep, job_ids[0]),
    }
    yield from _built(job_ids, values)


def _notices(batch: Batch, job: dict[str, Any]) -> Iterable[Outgoing]:
    """A warning while its offer stands; all else to whoever it is for."""
    offer, brief = batch.offers.get(job["assignment_id"], (None, None))
    moot = job["kind"] == "warning" and (offer is None or offer["state"] not in ("offered", "accepted", "active"))
    if moot or not _is_worth_it(job, batch.now):
        return
    recipients = _recipients(batch, job["kind"], offer)
    if batch.company in recipients:
        brief = None  # who reads there is not known: the client stays unnamed
    for place, one in enumerate(recipients):
        zone = one["zone"] or batch.agreement.company.zone
        values = {
            "template": "notice",
            "subject": SUBJECTS[job["kind"]],
            "sentence": _sentence(job, offer, zone) + ("" if brief else f" (Lead {job['lead_id']}.)"),
            "brief": brief and _beside(job, brief),
            "zone": zone,
            "link": batch.links.offer(offer["assignment_id"], batch.now) if offer is not None and is_theirs(offer) else "",
            **_envelope(batch, one, f"{job['id']}.{place}"),
        }
        yield from _built([job["id"]], values)


def _recipients(batch: Batch, kind: str, offer: Any) -> list[Any]:
    """Whose lead it is now; every manager where it is theirs, or nobody's any more; the company where there is none."""
    rep = batch.reps.get(offer["rep_id"]) if offer is not None and is_theirs(offer) else None
    if rep is not None and not (kind == "escalated" and batch.managers):
        return [rep]
    return batch.managers or ([] if kind == "warning" else [batch.company])


def _sentence(job: dict[str, Any], offer: Any, zone: str) -> str:
    data = job["data"]
    if job["kind"] == "warning":
        what = "answer the offer" if data["sla"] == "acceptance" else "reach the client"
        return f"Please {what} by {local_time(datetime.fromisoformat(data['due_at']), zone)}."
    if job["kind"] == "escalated":
        return f"{data['reason']}" + (f" It is with {offer['rep']}." if offer is not None else "")
    if job["kind"] == "touched":
        said = f" They wrote: “{data['message']}”" if data.get("message") else ""
        return f"They raised a hand again for the same need: they are waiting.{said}"
    if job["kind"] == "recovery":
        return f"Please call them before anybody asks them for anything else. What we know: {data['reason']}"
    return "What they wrote went to the company's address. They would rather hear from you."


def _beside(job: dict[str, Any], brief: Brief) -> Brief:
    """The brief without the message that the sentence of this mail repeats."""
    return replace(brief, also_gave=[one for one in brief.also_gave if one != ("message", job["data"].get("message"))])


def _envelope(batch: Batch, rep: Any, job_id: UUID | str) -> dict[str, Any]:
    return {"to": (rep["name"], rep["email"]), "sender": batch.agreement.company.sender, "id": job_id, "at": batch.now}


def _built(job_ids: list[UUID], values: dict[str, Any]) -> Iterable[Outgoing]:
    """An address that can never be one gets no mail, and its jobs are forgotten."""
    try:
        yield Outgoing(build_mail(**values), job_ids)
    except Unsendable as error:
        telemetry.log().warning("a mail to a rep cannot be written", reason=str(error), template=values["template"])


async def settle_mails(unit: Transaction, outgoing: list[Outgoing], answers: list[str]) -> None:
    """What was sent, or never can be, is done; the rest is due again when its lease is over, to all whom it is for."""
    again = {job_id for one, answer in zip(outgoing, answers, strict=True) if answer == "again" for job_id in one.job_ids}
    await store.mails.done(unit, list({job_id for one in outgoing for job_id in one.job_ids} - again))
