"""The body of a sender as objects: JSON, urlencoded or multipart, whatever it says it is."""

from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from services.intake.adapters.senders.post import NotUnderstood, Post, Values


async def objects_of(post: Post) -> list[Values]:
    """One object for each lead told; JSON may be a list of them."""
    declared = post.headers.get("content-type", "")
    media_type = declared.partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return [_collected(await _multipart(declared, post.body))]
    if "json" in media_type or post.body.lstrip()[:1] in (b"{", b"["):
        return _json(post.body)
    try:
        pairs = parse_qsl(post.body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        raise NotUnderstood("The form has too many fields.") from error
    return [_collected(pairs)]


def _json(body: bytes) -> list[Values]:
    try:
        found = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise NotUnderstood("The body is not valid JSON.") from error
    listed = found if isinstance(found, list) else [found]
    if not listed or not all(isinstance(one, dict) for one in listed):
        raise NotUnderstood("The body is not a JSON object.")
    return listed


async def _multipart(content_type: str, body: bytes) -> list[tuple[str, str]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(Headers({"content-type": content_type}), stream(), max_files=20, max_fields=1000)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise NotUnderstood("The multipart form could not be read.") from error
    pairs = [(key, one.filename or "a file" if isinstance(one, UploadFile) else one) for key, one in form.multi_items()]
    await form.close()
    return pairs


def _collected(pairs: list[tuple[str, str]]) -> Values:
    values: dict[str, Any] = {}
    for name, value in pairs:
        bare = name.removesuffix("[]")
        if bare in values:
            earlier = values[bare]
            values[bare] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
        else:
            values[bare] = value
    if not values:
        raise NotUnderstood("The body is empty.")
    return values
