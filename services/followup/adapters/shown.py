"""What a reader sees of HTML, whatever was written: each place is looked at once."""

import html
import re

MAX_SHOWN = 1_048_576


def shown(page: str) -> str:
    """What a reader sees of HTML."""
    for name in ("style", "script"):
        page = _without(page, rf"<{name}\b", f"</{name}>", " ")
    page = _without(page, r"<(?![\w.+-]{1,128}@)", ">", "\n")
    return html.unescape(page[:MAX_SHOWN])


def _without(text: str, begin: str, end: str, instead: str) -> str:
    """Without what stands from each `begin` to the next `end`; after the last `end` nobody looks for one."""
    last = max((found.end() for found in re.finditer(end, text, re.IGNORECASE)), default=0)
    return re.sub(f"{begin}.*?{end}", instead, text[:last], flags=re.IGNORECASE | re.DOTALL) + text[last:]
