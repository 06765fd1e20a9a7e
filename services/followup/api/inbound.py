"""HTTP in: mail and texts that came back, from a relay's pipe or a provider's webhook."""

import asyncio
import hmac
from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.followup.adapters.incoming import read_mail
from services.followup.adapters.provider_events import TooMany, read_events
from services.followup.adapters.sms import signature
from services.followup.settings import Settings
from services.followup.use_cases.inbound import Inbound
from services.followup.use_cases.texts import Texts
from shared.database import Database, storable
from shared.problem import Problem, problems
from shared.security import KeyRing


def inbound_routes(settings: Settings, database: Database, keys: KeyRing, inbound: Inbound, texts: Texts) -> APIRouter:
    router = APIRouter(prefix="/inbound", tags=["inbound"])
    keyed = [Depends(keys.allows("ops"))]

    @router.post("/mail", dependencies=keyed, responses=problems(401, 403, 413))
    async def post_mail(request: Request) -> dict[str, str]:
        """One mail as it came (RFC 5322), for example from a relay's pipe. Says what it was; a repeat is "known"."""
        mail = await asyncio.to_thread(read_mail, await request.body())
        async with database.transaction() as unit:
            return {"kind": await inbound.hear_mail(unit, mail, datetime.now(UTC))}

    @router.post("/events", dependencies=keyed, responses=problems(401, 403, 413, 422))
    async def post_events(request: Request) -> dict[str, int]:
        """Bounces, complaints, stops and deliveries as Amazon SES, SendGrid, Mailgun or Postmark tell them."""
        try:
            found = await asyncio.to_thread(read_events, await request.body())
        except TooMany as error:
            raise Problem(413, str(error)) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Problem(422, "This is no event of a mail provider we know: SES, SendGrid, Mailgun or Postmark.") from error
        async with database.transaction() as unit:
            for told in found:
                await inbound.hear_event(unit, told, datetime.now(UTC))
        return {"events": len(found)}

    @router.post("/sms", responses=problems(403))
    async def post_sms(request: Request) -> Response:
        """A text that came in; signed by the provider (X-Twilio-Signature)."""
        form = await signed(request)
        async with database.transaction() as unit:
            answer = await texts.hear(
                unit, form.get("From", ""), form.get("Body", ""), form.get("MessageSid", ""), datetime.now(UTC)
            )
        message = f"<Message>{escape(answer)}</Message>" if answer else ""
        return Response(f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>', media_type="text/xml")

    @router.post("/sms/{touch_id}", responses=problems(403))
    async def post_sms_status(request: Request, touch_id: UUID) -> Response:
        """What became of a text of ours."""
        form = await signed(request)
        async with database.transaction() as unit:
            status, sid = form.get("MessageStatus", ""), form.get("MessageSid", "")
            why = {"number": form.get("To", ""), "code": form.get("ErrorCode", "")}
            await texts.note_status(unit, touch_id, status, sid, datetime.now(UTC), **why)
        return Response(status_code=204)

    async def signed(request: Request) -> dict[str, str]:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        wanted = signature(settings.sms_token, f"{settings.base_url}{request.url.path}", form)
        given = request.headers.get("x-twilio-signature", "").encode("utf-8", "replace")  # any bytes may stand there
        if not settings.sms_token or not hmac.compare_digest(wanted.encode(), given):
            raise Problem(403, "This call is not signed by our text provider.")
        return {name: storable(value) for name, value in form.items()}

    return router
