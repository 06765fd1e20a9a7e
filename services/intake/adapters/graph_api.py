"""Meta's Graph API: the answers of a lead, and what its refusals mean."""

from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import orjson

FIELDS = "id,created_time,ad_id,ad_name,adset_id,campaign_id,campaign_name,form_id,is_organic,platform,field_data,"
FIELDS += "custom_disclaimer_responses"
TOKEN_REFUSED = {10, 102, 190, *range(200, 300)}


class Gone(Exception):
    """The lead was deleted, or our token may not see it: the answer is the same."""


@dataclass(frozen=True, slots=True)
class TryLater(Exception):
    """Not now. `needs_people`: the token or its rights must be mended first."""

    reason: str
    after_seconds: int | None = None
    needs_people: bool = False


class LeadSource(Protocol):
    async def lead(self, provider_id: str) -> dict[str, Any]:
        """Raises Gone or TryLater."""


class GraphApi:
    """Asks for one lead. The address is a setting, so it is trusted; the token travels in a header, never in an address."""

    def __init__(self, url: str, token: str, client: httpx.AsyncClient) -> None:
        self._url, self._token, self._client = url.rstrip("/"), token, client

    async def lead(self, provider_id: str) -> dict[str, Any]:
        if not self._token:
            raise TryLater("INTAKE_META_TOKEN is not set", needs_people=True)
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            answer = await self._client.get(f"{self._url}/{provider_id}", params={"fields": FIELDS}, headers=headers)
        except httpx.HTTPError as error:
            raise TryLater(type(error).__name__) from error
        try:
            body = orjson.loads(answer.content)
        except orjson.JSONDecodeError as error:
            raise TryLater(f"HTTP {answer.status_code}, not JSON") from error
        if answer.is_success and isinstance(body, dict) and isinstance(body.get("field_data"), list):
            return body
        raise _meaning(answer, body.get("error") if isinstance(body, dict) else None)


def _meaning(answer: httpx.Response, error: Any) -> Exception:
    """Errors are told by a code in the body; the status alone says little (limits come as 400)."""
    code, subcode = (error.get("code"), error.get("error_subcode")) if isinstance(error, dict) else (None, None)
    if code == 100 and subcode == 33:
        return Gone("deleted at Meta, or not visible to this token")
    after = answer.headers.get("retry-after", "")
    return TryLater(
        f"HTTP {answer.status_code}, code {code}",
        after_seconds=int(after) if after.isdigit() and len(after) < 6 else None,
        needs_people=code in TOKEN_REFUSED,
    )
