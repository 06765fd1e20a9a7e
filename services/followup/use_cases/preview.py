"""A client's year as it was and as it will be, from the function that makes the rows; and why a step did or did not happen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.adapters.rendering import LINKS, LeftOut, Rendered, Unrenderable
from services.followup.domain.forecast import Planned, forecast, may_end
from services.followup.use_cases.households import key_of
from services.followup.use_cases.messages import compose
from services.followup.use_cases.planning import Look, Planner
from shared.database import Transaction

SAMPLE_LINKS = {name: f"https://example.invalid/{name.removesuffix('_url')}" for name in LINKS}


@dataclass(frozen=True, slots=True)
class Line:
    """One touch of the year."""

    day: date
    at: time
    zone: str
    plan: str
    step: str
    cycle: int
    channel: str
    state: str
    reason: str | None
    notes: tuple[str, ...]
    message: Rendered | None = None
    unrenderable: str | None = None

    @property
    def says(self) -> str:
        """What the client reads, on the channel it takes."""
        if self.message is None:
            return ""
        mail = f"Subject: {self.message.subject}\n\n{self.message.text.strip()}"
        return {"sms": self.message.texted or "", "post": self.message.written}.get(self.channel, mail)

    @property
    def page(self) -> str:
        """The HTML of a mail."""
        return self.message.html if self.message is not None and self.channel == "email" else ""


async def preview(
    unit: Transaction, planner: Planner, client_id: UUID, year: int, now: datetime, links: Mapping[str, str] | None = None
) -> list[Line]:
    """Every touch of a year in the client's own time: rows for what has happened, the forecast for what has not."""
    look = await planner.look(unit, await store.planning.members(unit, client_id), now)
    anchors = await store.enrolments.anchors_of(unit, client_id)
    client = look.known.clients[client_id]
    open_ids = look.known.open_touches(now)
    ahead = {planned.key: planned for planned in _ahead(look, str(client_id), year, now)}
    rows = look.known.touches.get(client_id, [])
    was = [dict(row) for row in rows if row["id"] not in open_ids or _stays_skipped(row, ahead.get(key_of(row)))]
    told = {key_of(row) for row in was}
    touches = [*was, *(_as_it_will_be(planned) for key, planned in ahead.items() if key not in told)]
    found = []
    for touch in sorted(touches, key=lambda one: (one["due_at"], one["step"])):
        if touch["local_date"].year == year:
            known = anchors.get(touch["enrolment_id"], {})
            found.append(await _line(unit, planner, touch, known, client["contact"], look, links or SAMPLE_LINKS))
    return found


def _stays_skipped(row: Any, planned: Planned | None) -> bool:
    """Planning leaves it as it is."""
    return row["state"] == "skipped" and (planned is None or may_end(planned.reason))


def _ahead(look: Look, client_id: str, year: int, now: datetime) -> list[Planned]:
    last = date(year, 12, 31)
    return [
        planned
        for _, household in look.households
        for planned in forecast(household, now, last)
        if planned.enrolled.client_id == client_id
    ]


def _as_it_will_be(planned: Planned) -> dict[str, Any]:
    plan, slot = planned.enrolled.plan, planned.slot
    return {
        "enrolment_id": UUID(planned.key[0]),
        "plan": plan.key,
        "plan_version": plan.version,
        "step": planned.step.key,
        "cycle": planned.key[2],
        "channel": planned.channel,
        "local_date": slot.day,
        "local_time": slot.at,
        "zone": planned.enrolled.place.zone.key,
        "due_at": slot.due_at,
        "state": "planned" if planned.reason is None else "skipped",
        "reason": planned.reason and f"{planned.reason}{f': {planned.winner} goes first' if planned.winner else ''}",
        "notes": slot.notes,
    }


async def _line(
    unit: Transaction,
    planner: Planner,
    touch: Any,
    anchors: Mapping[str, str],
    contact: Any,
    look: Look,
    links: Mapping[str, str],
) -> Line:
    message, unrenderable = None, None
    if touch["state"] != "skipped":
        try:
            message = await compose(unit, planner.book, touch, anchors, contact, look.company, links)
        except LeftOut as error:
            touch = {**touch, "state": "skipped", "reason": str(error)}
        except Unrenderable as error:
            unrenderable = str(error)
    names = ("zone", "plan", "step", "cycle", "channel", "state", "reason")
    common = {name: touch[name] for name in names}
    notes = tuple(touch["notes"])
    return Line(touch["local_date"], touch["local_time"], notes=notes, message=message, unrenderable=unrenderable, **common)


async def why(unit: Transaction, planner: Planner, client_id: UUID, step: str, now: datetime) -> list[str]:
    """Sentences: what became of a step, and by which rule."""
    client = await store.clients.find(unit, client_id)
    enrolments = await store.enrolments.earlier(unit, [client_id])
    plans = await planner.plans_of(unit, enrolments, now)
    sentences = []
    if client["erased"]:
        sentences.append("The client was erased: nothing is sent.")
    if not enrolments:
        sentences.append("The client is in no plan: no event has put them into one that is published.")
    for row in enrolments:
        version = f"{row['plan']} {row['plan_version']}"
        if plans[row["plan"], row["plan_version"]].step(step) is None:
            sentences.append(f"{version}: this plan has no step {step}.")
        elif row["state"] != "active":
            sentences.append(
                f"{version}: the enrolment of {row['subject']} is {row['state']} ({row['reason'] or 'it ran to its end'})."
            )
    for year in range(now.year - 1, now.year + 3):
        sentences += [_sentence(line) for line in await preview(unit, planner, client_id, year, now) if line.step == step]
    return sentences or [f"Nothing makes {step} due before {now.year + 3}, or it is too late for it."]


def _sentence(line: Line) -> str:
    rolled = f" ({'; '.join(line.notes)})" if line.notes else ""
    reason = f", because: {line.reason}" if line.reason else ""
    return f"{line.day} {line.at:%H:%M} {line.zone}: {line.state}{reason}{rolled}."
