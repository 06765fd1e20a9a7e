"""What a rep should know before they call: about the client, in the client's words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

LONGEST_ANSWER = 500
MOST_ANSWERS = 30
CONTACT = ("first_name", "last_name", "phone", "email", "postal_code")
ENDED = {
    "declined": "declined",
    "expired": "did not answer in time",
    "withdrawn": "had it taken back",
    "closed": "closed it",
    "accepted": "accepted it",
    "active": "is working on it",
    "offered": "has been asked",
}


@dataclass(frozen=True, slots=True)
class Tried:
    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Brief:
    """`promise`: what the campaign they came from promised them. `do_not`: whom not to contact, and by which channel.
    `also_gave`: name and value of what they said when they reached out again, and not before."""

    first_name: str
    last_name: str
    phone: str | None
    email: str | None
    postal_code: str | None
    selection: str
    own_words: str
    answers: dict[str, str]
    source: str
    campaign: str
    form: str
    promise: str
    referred: bool
    known_client: bool
    tried: list[Tried] = field(default_factory=list)
    ask: list[str] = field(default_factory=list)
    do_not: list[str] = field(default_factory=list)
    agreed: list[str] = field(default_factory=list)
    also_gave: list[tuple[str, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or "Somebody who gave no name"

    @property
    def may_call(self) -> bool:
        return bool(self.phone) and not self._is_closed("phone")

    @property
    def may_write(self) -> bool:
        return bool(self.email) and not self._is_closed("email")

    @property
    def to_try(self) -> list[str]:
        """What they also gave, in words; nothing of a channel that is closed."""
        return [f"{_words(name)}: {value}" for name, value in self.also_gave if not self._is_closed(name)]

    def _is_closed(self, channel: str) -> bool:
        return any(one.startswith(_nothing_by(channel)) for one in self.do_not)


def brief_of(
    snapshot: Mapping[str, Any],
    origin: Mapping[str, str],
    *,
    questions: Sequence[str],
    consents: Iterable[Mapping[str, Any]],
    earlier_leads: Iterable[Mapping[str, Any]],
    earlier_offers: Iterable[Mapping[str, Any]],
) -> Brief:
    """`consents`: from the oldest to the last word."""
    contact, leads = snapshot.get("contact") or {}, list(earlier_leads)
    do_not, agreed = contact_rules(consents)
    tried = [Tried(one["at"], _lead_before(one)) for one in leads]
    tried += [Tried(one["at"], f"{one['rep']} {ENDED[one['state']]}{_because(one['reason'])}.") for one in earlier_offers]
    return Brief(
        first_name=contact.get("first_name") or "",
        last_name=contact.get("last_name") or "",
        phone=contact.get("phone"),
        email=contact.get("email"),
        postal_code=contact.get("postal_code"),
        selection=snapshot.get("selection") or "",
        own_words=snapshot.get("message") or "",
        answers=_answers(snapshot.get("answers") or {}),
        source=origin["source"],
        campaign=origin["campaign"],
        form=snapshot.get("form") or "",
        promise=snapshot.get("promise") or "",
        referred=bool(snapshot.get("referred_by")),
        known_client=any(one["state"] == "won" for one in leads),
        tried=sorted(tried, key=lambda one: one.at),
        ask=list(questions),
        do_not=do_not,
        agreed=agreed,
        also_gave=[(name, value) for name, value in snapshot.get("also_gave") or []],
    )


def given_besides(
    snapshot: Mapping[str, Any], contact: Mapping[str, Any], answers: Mapping[str, Any], message: str = ""
) -> list[list[str]]:
    """All they gave and wrote when they reached out again, this time and before, that the lead did not come with."""
    known = {name: (snapshot.get("contact") or {}).get(name) for name in CONTACT} | _answers(snapshot.get("answers") or {})
    said = {name: contact[name] for name in CONTACT if contact.get(name)} | _answers(answers)
    if message:
        known, said = known | {"message": snapshot.get("message")}, said | {"message": message}
    kept = [list(pair) for pair in snapshot.get("also_gave") or []]
    new = [[name, value] for name, value in said.items() if known.get(name) != value and [name, value] not in kept]
    return (kept + new)[-MOST_ANSWERS:]


def completed(contact: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The contact a lead came with, and what it lacked as they gave it later: without it nobody could write to the client."""
    return {**contact, **{name: given[name] for name in CONTACT if given.get(name) and not contact.get(name)}}


def contact_rules(consents: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """What must not be done and what was agreed to. A refusal of everything on a channel outweighs its purposes."""
    last: dict[tuple[str, str], bool] = {}
    for one in consents:
        channel, purpose = one["channel"], one.get("purpose") or ""
        last.pop((channel, purpose), None)
        last[channel, purpose] = bool(one["granted"])
    closed = {channel for (channel, purpose), granted in last.items() if not granted and not purpose}
    do_not = [f"{_nothing_by(channel)}." for channel in sorted(closed)]
    do_not += [
        f"No {_words(purpose)} by {channel}."
        for (channel, purpose), granted in sorted(last.items())
        if purpose and not granted and channel not in closed
    ]
    agreed = [
        f"{_words(purpose).capitalize() or 'Anything'} by {channel}."
        for (channel, purpose), granted in sorted(last.items())
        if granted and channel not in closed
    ]
    return do_not, agreed


def local_time(at: datetime, zone: str) -> str:
    """An instant as a rep reads it. The zone is named: a franchise has several."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %-d %b, %H:%M} ({zone})"


def _nothing_by(channel: str) -> str:
    return f"Do not contact them by {channel} at all"


def _words(purpose: str) -> str:
    return purpose.replace("_", " ")


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _lead_before(one: Mapping[str, Any]) -> str:
    asked = f"asked for {one['selection']}" if one["selection"] else "got in touch"
    return f"They {asked}: {one['state'].replace('_', ' ')}{_because(one['reason'])}."


def _answers(given: Mapping[str, Any]) -> dict[str, str]:
    """What the form asked besides; long answers cut, so that a mail stays a mail."""
    said = ((str(name), _plain(value)[:LONGEST_ANSWER]) for name, value in list(given.items())[:MOST_ANSWERS])
    return {name: text for name, text in said if text}


def _plain(value: Any) -> str:
    """As people read it: several boxes that were ticked, a yes, an answer with parts."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(str(name))} {_plain(one)}" for name, one in value.items())
    return "" if value is None else str(value)
