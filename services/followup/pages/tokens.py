"""What a link of ours says: whose it is, on which channel, and from which touch. Looking at one changes nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import AfterValidator

from shared.database import storable
from shared.problem import Problem
from shared.signing import Signer

Typed = AfterValidator(storable)  # what somebody wrote into a page
_PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
_templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(_templates.get_template(template).render(**values), status, headers=_PRIVATE)


@dataclass(frozen=True, slots=True)
class Links:
    """Opens links. Every wrong one gets the same answer."""

    signer: Signer

    def of_client(self, token: str) -> tuple[UUID, str]:
        client_id, channel, touch = self._parts(token)
        if touch:
            raise _not_ours()
        return client_id, channel

    def of_touch(self, token: str) -> tuple[UUID, UUID]:
        client_id, _, touch = self._parts(token)
        if not touch:
            raise _not_ours()
        return client_id, UUID(touch)

    def _parts(self, token: str) -> tuple[UUID, str, str]:
        content = self.signer.open(token)
        if content is None:
            raise _not_ours()
        client_id, channel, touch = (*content.split(":"), "")[:3]
        return UUID(client_id), channel, touch


def _not_ours() -> Problem:
    return Problem(404, "This link is not one of ours. Please use the link in the mail.")
