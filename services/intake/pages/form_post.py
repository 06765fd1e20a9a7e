"""One post of a form: may it, what does it say, and what does its sender want to have back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.intake.adapters.requests import form_values, idempotency_key, media_type_of, return_to, wants_json
from services.intake.adapters.senders.plain_posts import flat
from services.intake.domain.aliases import canonical
from services.intake.domain.deliveries import AS_SENT, is_ours
from services.intake.domain.forms import SELECTIONS, Form, ticked_boxes, unknown_boxes
from services.intake.pages.carried import Pairs, unasked
from services.intake.pages.rendering import form_page, headers_of
from services.intake.use_cases.answers import received, refusal
from services.intake.use_cases.capture import Capture, Invalid, KeyBusy, KeyReused
from services.intake.use_cases.guard import Guard
from shared.group_commit import Overloaded
from shared.problem import Problem

STRUCTURED = ("consents", "attribution", "external_id", "test")


@dataclass(frozen=True, slots=True)
class FormPosts:
    capture: Capture
    guard: Guard

    async def answer(self, request: Request, form: Form) -> Response:
        """Every answer, a refusal too, says which sites may read it."""
        try:
            response = await self._answer(request, form)
        except Problem as error:
            response = error.response()
        except (KeyReused, KeyBusy, Overloaded) as error:
            response = refusal(error)
        response.headers.update(cors_headers(form, request))
        return response

    async def _answer(self, request: Request, form: Form) -> Response:
        visit = await self.guard.admit(form, request)
        as_json, sent = wants_json(request), await form_values(request)
        values = named(form, sent if media_type_of(request) == "application/json" else typed(form, sent))
        self.guard.admit_contact(form, values)
        now, key = datetime.now(UTC), idempotency_key(request)
        try:
            held = await self.guard.reason_to_hold(form, visit, values, now)
            captured = await self.capture.keep(
                form,
                values,
                now=now,
                idempotency_key=key,
                submission_id=text(values.get("_submission_id")),
                held=held,
                evidence=self.guard.evidence(form, visit, text(sent.get("_page"))),
            )
        except Invalid as error:
            if as_json:
                return refusal(error)
            hidden = self.hidden(form, unasked(form, sent, values))
            return HTMLResponse(form_page(form, values, error.errors, hidden=hidden), 422, headers_of(form))
        place = return_to(sent, form)
        if as_json:
            return received(captured, replayed=captured.repeated and key is not None, redirect_url=place)
        return RedirectResponse(place, 303)

    def hidden(self, form: Form, carried: Pairs) -> Pairs:
        """What a page carries, and first what tells a person from a robot and one sending from the next."""
        own = {"_loaded_at": self.guard.loaded_at(form, datetime.now(UTC)), "_submission_id": uuid4().hex}
        known = {name for name, _ in carried}
        return [*((name, value) for name, value in own.items() if name not in known), *carried]


def typed(form: Form, sent: Mapping[str, Any]) -> dict[str, Any]:
    """A browser sends text: where a name of ours wants more, it is the site's own, and an answer nobody can be sent back for."""
    odd = {name for name in STRUCTURED if name in sent and name not in form.own_names and not is_ours(name, sent[name])}
    return {name + AS_SENT if name in odd else name: value for name, value in sent.items()}


def named(form: Form, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The values under our names, with the boxes that were ticked."""
    values = canonical(flat(dict(sent)), own=form.own_names, selections=form.selections or SELECTIONS)
    if boxes := ticked_boxes(form, values):
        given = values.get("consents")
        values["consents"] = [*(given if isinstance(given, list) else []), *boxes]
    return values | unknown_boxes(form, values)


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 2000 else None


def cors_headers(form: Form, request: Request) -> dict[str, str]:
    """Exact origins once a form names any; no credentials, ever. The script must see when to come again."""
    origin, shown = request.headers.get("origin"), {"access-control-expose-headers": "Retry-After, Idempotent-Replayed"}
    if not form.origins:
        return {"access-control-allow-origin": "*", **shown}
    return {"vary": "Origin"} | ({"access-control-allow-origin": origin, **shown} if origin in form.origins else {})
