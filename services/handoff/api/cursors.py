"""Pages of a list: a cursor is where the page before ended, and the Link header is the address of the next one."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[UUID | None, Query(description="The next_cursor of the page before.")]


def link_next(request: Request, response: Response, cursor: UUID | None) -> None:
    """RFC 8288, as an address relative to this one: a Host header is never repeated."""
    if cursor is not None:
        query = request.url.include_query_params(cursor=cursor).query
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
