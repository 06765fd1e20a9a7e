"""What stands before a form: whose pages may post, how often, with which key; and whether it looks like a robot."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from fastapi import Request

from services.intake.adapters.captcha import Captcha, hosts_of, token_of
from services.intake.adapters.contact_details import e164
from services.intake.adapters.disposable import is_disposable
from services.intake.adapters.visits import Network, Visit, block_of, visit_of
from services.intake.domain.consent import evidence
from services.intake.domain.forms import Form
from services.intake.domain.rate_limits import Buckets
from services.intake.domain.spam import Signals, count_links, is_trapped, reason_to_hold
from shared.problem import Problem
from shared.security import KeyRing
from shared.signing import Signer


@dataclass(slots=True)
class Guard:
    """Refuses with a Problem, or says why a post is to be set aside. `check` refuses mistakes in the fields."""

    signer: Callable[[], Signer]
    spam_limit: int
    per_address: Buckets
    per_form: Buckets
    per_contact: Buckets
    keys: KeyRing
    region: str = "US"
    own_host: str = ""
    own_origin: str = ""
    trusted_proxies: Sequence[Network] = ()
    evidence_ip: str = "full"
    captchas: Mapping[str, Captcha] = field(default_factory=dict)
    check: Callable[[Form, Mapping[str, Any]], None] = lambda form, values: None
    clock: Callable[[], float] = time.monotonic

    async def admit(self, form: Form, request: Request) -> Visit:
        """Before the body is read: cheap refusals first."""
        visit = visit_of(request, self.trusted_proxies, self.own_origin)
        if form.require_key or shows_key(request):
            await self.keys.check(request, "leads:write")
            return visit  # software with a key of ours is no stranger
        self._limit("address", self.per_address, block_of(visit.address))
        self._limit("form", self.per_form, form.key)
        if (visit.origin is None and form.require_origin) or (
            visit.origin is not None and form.origins and not visit.own and visit.origin not in form.origins
        ):
            raise Problem(403, "This form takes posts from its own pages only.")
        return visit

    def watches(self, form: Form) -> bool:
        """Whether a post of software must be looked at: with nothing set, it costs nothing."""
        limits = self.per_address.limit or self.per_form.limit or self.per_contact.limit
        return bool(limits or form.origins or form.require_origin or form.require_key or form.captcha)

    async def admit_software(self, form: Form, request: Request, values: Mapping[str, Any]) -> str | None:
        """POST /v1/leads: a form's rules hold there too. Why it is to be set aside, or None."""
        visit = await self.admit(form, request)
        if shows_key(request):
            return None
        self.admit_contact(form, values)
        return await self._unsolved(form, visit, values)

    def admit_contact(self, form: Form, values: Mapping[str, Any]) -> None:
        """However it is written: a number is its E.164."""
        if not self.per_contact.limit:
            return
        for name in ("email", "phone"):
            if isinstance(value := values.get(name), str) and (said := value.strip()[:300].lower()):
                number = e164(said, form.region or self.region) if name == "phone" else None
                self._limit("contact", self.per_contact, number or said)

    async def reason_to_hold(self, form: Form, visit: Visit, values: Mapping[str, Any], now: datetime) -> str | None:
        email = values.get("email")
        signals = Signals(
            trapped=is_trapped(values),
            open_seconds=self.open_seconds(form, values.get("_loaded_at"), now),
            disposable=isinstance(email, str) and is_disposable(email),
            links=count_links(values),
        )
        return reason_to_hold(signals, self.spam_limit) or await self._unsolved(form, visit, values)

    async def _unsolved(self, form: Form, visit: Visit, values: Mapping[str, Any]) -> str | None:
        if form.captcha is None:
            return None
        self.check(form, values)  # first: the puzzle is good once, and who corrects a mistake needs it again
        captcha = self.captchas.get(form.captcha.provider)
        hosts = [*hosts_of(form.origins), self.own_host] if form.origins else []
        post = uuid5(NAMESPACE_OID, repr(values))  # the same when it comes again: its token is good once
        answer = await captcha.check(token_of(values), visit.address, hosts, post) if captcha else "outage"
        if answer == "passed" or (answer == "outage" and form.captcha.on_outage == "accept"):
            return None
        if answer == "outage" and form.captcha.on_outage == "reject":
            raise Problem(503, "We could not check that you are a person. Please try again in a minute.", {"Retry-After": "60"})
        if answer == "failed":
            return "captcha not solved"
        return "captcha could not be checked" + ("" if captcha else f": no secret of {form.captcha.provider} is set")

    def evidence_over_api(self, form: Form, request: Request) -> dict[str, str]:
        """Software with a key of ours speaks for somebody: its own address and browser prove nothing about them."""
        if shows_key(request):
            return evidence(form.version)
        return self.evidence(form, visit_of(request, self.trusted_proxies, self.own_origin), None)

    def evidence(self, form: Form, visit: Visit, page: str | None) -> dict[str, str]:
        """What consent was given on, and by whom, as far as the installation wants to know."""
        address = {"full": visit.address, "block": block_of(visit.address)}.get(self.evidence_ip, "")
        return evidence(form.version, page_url=page or visit.page, ip=address, user_agent=visit.user_agent)

    def loaded_at(self, form: Form, now: datetime) -> str:
        """The time of loading, as a hidden field nobody else can write."""
        return self.signer().sign(f"{form.key} {int(now.timestamp())}")

    def open_seconds(self, form: Form, token: Any, now: datetime) -> float | None:
        content = self.signer().open(token) if isinstance(token, str) and len(token) < 300 else None
        key, _, stamp = (content or "").rpartition(" ")
        return now.timestamp() - int(stamp) if key == form.key else None

    def _limit(self, what: str, buckets: Buckets, who: str) -> None:
        wait = buckets.wait_for(who, self.clock())
        if wait:
            seconds = math.ceil(wait)
            told = {  # the form of draft-ietf-httpapi-ratelimit-headers-10
                "Retry-After": str(seconds),
                "RateLimit-Policy": f'"{what}";q={buckets.limit};w={buckets.seconds:.0f}',
                "RateLimit": f'"{what}";r=0;t={seconds}',
            }
            raise Problem(429, f"Too many posts from this {what}. Please try again in {seconds} s.", told)


def shows_key(request: Request) -> bool:
    return request.headers.get("authorization", "")[:7].lower() == "bearer "
