"""The script that makes a pasted form pleasanter: served from here, named by its hash, no other party's code."""

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response

from services.intake.domain.forms import Form, Texts
from services.intake.pages.rendering import snippet


@cache
def script() -> bytes:
    return (Path(__file__).parent / "embed.v1.js").read_bytes()


def integrity() -> str:
    """What a page writes beside the script's address, so that a changed script does not run."""
    return "sha384-" + base64.b64encode(hashlib.sha384(script()).digest()).decode()


def markup(form: Form, base: str) -> str:
    """What a site pastes: the plain form, wrapped, and the script. Without the script the form works as it is."""
    tag = f'<script type="module" src="{base}/embed/v1.js" integrity="{integrity()}" crossorigin="anonymous"></script>'
    said = {name: getattr(form.texts, name) for name in ("problem", "thanks", "failed")}
    own = "".join(f' {name}="{escape(text)}"' for name, text in said.items() if text != getattr(Texts(), name))
    return f"<lead-form{own}>\n{snippet(form, base).strip()}\n</lead-form>\n{tag}\n"


def add_routes(app: FastAPI) -> None:
    @app.get("/embed/v1.js", tags=["capture"], summary="The script of pasted forms", response_class=Response)
    async def get_script(request: Request) -> Response:
        tag = f'"{hashlib.sha256(script()).hexdigest()[:16]}"'
        headers = {"Cache-Control": "public, max-age=604800", "Access-Control-Allow-Origin": "*", "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(script(), headers=headers, media_type="text/javascript")
