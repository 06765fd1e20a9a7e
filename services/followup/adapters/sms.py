"""Texts through a provider of Twilio's shape. A text whose answer was lost is sent again only under a key the provider knows."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from services.followup.adapters.smtp import Answer

STOPPED, NO_SUCH_NUMBER = 21610, {21211, 21214, 21217, 21614}


@dataclass(frozen=True, slots=True)
class Text:
    """One text. `callback` is where the provider tells what became of it: any call proves that it was taken."""

    recipient: str
    body: str
    callback: str
    key: str = ""  # the same for the life of the touch
    not_after: float = float("inf")  # when the lease ends (seconds since the epoch)


@dataclass(slots=True)
class Sms:
    """`url`: https://account:token@api.twilio.com. `sender`: a number, or the id of a messaging service (MG…).

    `key_header`: where the provider takes equal keys once, the header it reads them from.
    """

    url: str = field(repr=False)
    sender: str
    size: int = 8
    timeout: float = 20.0
    key_header: str | None = None
    _client: httpx.AsyncClient | None = None

    async def send(self, text: Text) -> Answer:
        if time.time() + self.timeout > text.not_after:
            return Answer("again", "the lease ran out before the text was sent")
        url = httpx.URL(self.url)
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self.timeout, auth=(url.username, url.password))
        path = f"/2010-04-01/Accounts/{url.username}/Messages.json"
        who = "MessagingServiceSid" if self.sender.startswith("MG") else "From"
        form = {"To": text.recipient, who: self.sender, "Body": text.body, "StatusCallback": text.callback}
        key = {self.key_header: text.key} if self.key_header else {}
        try:
            found = await self._client.post(url.copy_with(username="", password="", path=path), data=form, headers=key)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Answer("busy", type(error).__name__, for_all=True)
        except httpx.HTTPError as error:
            return Answer("doubt", type(error).__name__)
        return _answer(found)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _answer(found: httpx.Response) -> Answer:
    status = found.status_code
    if status in (200, 201):
        return Answer("sent", str(_body(found).get("sid", "")), status)
    if status in (429, 503):
        return Answer("busy", f"{status}", status, for_all=True)
    if status >= 500 or status == 409:  # a gateway that lost the answer; a key whose first text is still on its way
        return Answer("doubt", f"{status}", status)
    if status in (401, 403):
        return Answer("busy", f"{status} the provider does not let us in", status, for_all=True)
    code = _body(found).get("code")
    gone = code in NO_SUCH_NUMBER or code == STOPPED
    return Answer("never", f"{status} {code}", status, "5.1.1" if gone else "", at_recipient=gone, stopped=code == STOPPED)


def _body(found: httpx.Response) -> Mapping[str, object]:
    try:
        body = found.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the address and the sorted fields, by the account's token."""
    content = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), content.encode(), hashlib.sha1).digest()).decode()
