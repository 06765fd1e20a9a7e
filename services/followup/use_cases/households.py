"""Households as planning sees them: rows of the database as the values forecast() takes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.followup import store
from services.followup.adapters.numbers import number_place
from services.followup.adapters.postal_codes import region_of_code
from services.followup.domain.caps import Touched
from services.followup.domain.forecast import Enrolled, Heard, Household, Key, may_end
from services.followup.domain.occurrences import Anchors, Happened
from services.followup.domain.plans import Plan, Season
from services.followup.domain.windows import Place, QuietRule
from shared.agreement import Company
from shared.database import Rows, Transaction

HELD = ("planned", "sending", "sent")
HEARD = (*HELD, "failed")  # what failed may have arrived


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known of the clients of some households, read at once."""

    clients: dict[UUID, Any]
    enrolments: Rows
    touches: dict[UUID, list[Any]]
    jobs: dict[UUID, list[Any]]
    assets: dict[UUID, list[Any]]
    facts: dict[UUID, list[Any]]
    allowed: Mapping[UUID, Mapping[str, frozenset[str]]]

    def open_touches(self, after: datetime) -> set[UUID]:
        """Those planning may still move, or plan after all: nobody has tried to send them, they are not due, and no newer
        version of the plan has promised to leave them where they are."""
        versions = {row["id"]: row["plan_version"] for row in self.enrolments}
        touches = [touch for known in self.touches.values() for touch in known]
        yielded = {f"household: {touch['id']} goes first" for touch in touches if touch["state"] == "paused"}
        return {
            touch["id"]
            for touch in touches
            if touch["state"] == "planned" or (touch["state"] == "skipped" and may_end(touch["reason"]))
            if touch["attempt"] == 0 and touch["due_at"] > after
            if versions.get(touch["enrolment_id"]) == touch["plan_version"]
            if touch["reason"] not in yielded  # whose turn it is waits: a complaint of one is no occasion for the other
        }


async def gather(unit: Transaction, clients: Rows, allowed: Mapping[UUID, Mapping[str, frozenset[str]]]) -> Known:
    ids = [row["id"] for row in clients]
    return Known(
        {row["id"]: row for row in clients},
        await store.planning.active_enrolments(unit, ids),
        _by_client(await store.planning.touches(unit, ids)),
        _by_client(await store.planning.jobs(unit, ids)),
        _by_client(await store.planning.assets(unit, ids)),
        _by_client(await store.planning.facts(unit, ids)),
        allowed,
    )


def _by_client(rows: Rows) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["client_id"]].append(row)
    return found


async def households(
    unit: Transaction,
    known: Known,
    plans: Mapping[tuple[str, int], Plan],
    company: Company,
    quiet: Collection[QuietRule],
    now: datetime,
    keep_until: datetime | None = None,
) -> list[tuple[list[Any], Household]]:
    """Each household with its active enrolments. What is due until `keep_until` stays as it is."""
    open_ids = known.open_touches(keep_until or now)
    loads = await _loads(unit, plans.values(), now.date())
    for touch in (one for own in known.touches.values() for one in own if one["id"] in open_ids and one["state"] == "planned"):
        if (load := loads.get((touch["plan"], touch["step"]))) is not None:
            load[touch["local_date"]] -= 1  # it is about to be given a day: its own place is free for it
    under: dict[UUID, list[Any]] = defaultdict(list)
    for row in known.enrolments:
        under[known.clients[row["client_id"]]["household_id"]].append(row)
    return [
        (rows, _household(known, household_id, rows, plans, company, quiet, loads, open_ids, now))
        for household_id, rows in under.items()
    ]


async def _loads(unit: Transaction, plans: Collection[Plan], since: date) -> dict[tuple[str, str], Counter[date]]:
    found: dict[tuple[str, str], Counter[date]] = {}
    for plan in plans:
        for step in plan.steps:
            if isinstance(step.timing, Season) and step.timing.per_day is not None:
                rows = await store.planning.loads(unit, plan.key, step.key, since)
                found[plan.key, step.key] = Counter({row["local_date"]: row["touches"] for row in rows})
    return found


def _household(
    known: Known,
    household_id: UUID,
    enrolments: list[Any],
    plans: Mapping[tuple[str, int], Plan],
    company: Company,
    quiet: Collection[QuietRule],
    loads: dict[tuple[str, str], Counter[date]],
    open_ids: set[UUID],
    now: datetime,
) -> Household:
    members = [one for one in known.clients.values() if one["household_id"] == household_id]
    touches = [touch for member in members for touch in known.touches.get(member["id"], [])]
    settled = [one for one in touches if one["id"] not in open_ids]
    return Household(
        [_enrolled(known, row, plans[row["plan"], row["plan_version"]], company) for row in enrolments],
        tuple(quiet),
        [touched(one, now) for one in settled if one["state"] in HELD],
        frozenset(key_of(one) for one in settled),
        frozenset(_heard(one) for one in settled if one["state"] in HEARD),
        loads,
    )


def key_of(touch: Any) -> Key:
    return str(touch["enrolment_id"]), touch["step"], touch["cycle"]


def _heard(touch: Any) -> Heard:
    return str(touch["client_id"]), touch["plan"], touch["step"], touch["cycle"]


def touched(touch: Any, now: datetime) -> Touched:
    """A touch as caps count it: on the day it went out; one that is due or on its way, today."""
    at = touch["settled_at"] if touch["state"] == "sent" and touch["settled_at"] else max(now, touch["due_at"])
    names = ("plan", "step", "purpose", "channel")
    common = {name: touch[name] for name in names}
    return Touched(str(touch["id"]), str(touch["client_id"]), day=at.astimezone(ZoneInfo(touch["zone"])).date(), **common)


def _enrolled(known: Known, row: Any, plan: Plan, company: Company) -> Enrolled:
    client = known.clients[row["client_id"]]
    zone = place_of(client, company).zone
    jobs, job = known.jobs.get(client["id"], []), row["anchors"]
    days = {name: date.fromisoformat(day) for name, day in job.items() if name.endswith("_on")}
    for asset in known.assets.get(client["id"], []):
        days[f"asset.{asset['kind']}.installed_on"] = asset["installed_on"]
        if asset["warranty_until"]:
            days[f"asset.{asset['kind']}.warranty_until"] = asset["warranty_until"]
    happened = [_happened(fact, zone) for fact in known.facts.get(client["id"], [])]
    anchors = Anchors(
        str(row["id"]),
        date.fromisoformat(job["day"]),
        datetime.fromisoformat(job["arrived_at"]),
        row["enrolled_at"],
        days,
        max((one["completed_on"] for one in jobs), default=None),
        tuple(happened),
    )
    satisfaction = next((one.kind.partition(".")[2] for one in reversed(happened) if one.kind.startswith("satisfaction.")), "")
    return Enrolled(
        str(client["id"]),
        plan,
        anchors,
        place_of(client, company),
        known.allowed.get(client["id"], {}),
        {"trade": job.get("trade", ""), "outcome": job.get("outcome", ""), "satisfaction": satisfaction},
    )


def place_of(client: Any, company: Company) -> Place:
    """Their own zone as stated, else ours; our country; the region as stated, else by postal code; and what their number says."""
    zone, contact, country = client["zone"], client["contact"], company.country
    phone = contact.get("phone")
    number = number_place(phone, country, zone_is_known=zone is not None) if phone else None
    region = client["region"] or region_of_code(contact.get("postal_code"), country)
    return Place(ZoneInfo(zone or company.zone), country, frozenset({region} if region else ()), number)


def _happened(fact: Any, zone: ZoneInfo) -> Happened:
    return Happened(fact["kind"], fact["ref"], fact["at"], fact["at"].astimezone(zone).date())
