"""Is it a robot? A filled trap says so alone; everything else only adds up. The verdict sets aside, it never refuses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TRAPS = ("_gotcha", "bot-field", "_honey", "_honeypot")
PUZZLES = ("cf-turnstile-response", "h-captcha-response", "g-recaptcha-response", "_captcha")  # where their answers come
TOO_FAST_SECONDS, STALE_SECONDS = 2, 24 * 3600
_LINK = re.compile(r"https?://|\[url|<a\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of a post. `open_seconds`: how long the form was open, where its page said so."""

    trapped: bool = False
    open_seconds: float | None = None
    disposable: bool = False
    links: int = 0


def reason_to_hold(signals: Signals, limit: int) -> str | None:
    """Why a post is set aside, or None."""
    if signals.trapped:
        return "trap"
    found = points(signals)
    score = sum(found.values())
    return f"spam score {score}: {', '.join(found)}" if score >= limit else None


def points(signals: Signals) -> dict[str, int]:
    found = {}
    if signals.open_seconds is None:
        found["no time of loading"] = 10
    elif signals.open_seconds < TOO_FAST_SECONDS:
        found["sent too fast"] = 40
    elif signals.open_seconds > STALE_SECONDS:
        found["the page was open for more than a day"] = 20
    if signals.disposable:
        found["a disposable address"] = 40
    if signals.links:
        found["links"] = min(40, 15 * signals.links)
    return found


def is_trapped(values: Mapping[str, Any]) -> bool:
    return any(values.get(trap) for trap in TRAPS)


def count_links(values: Mapping[str, Any]) -> int:
    texts = (values.get(name) for name in ("first_name", "last_name", "message"))
    return sum(len(_LINK.findall(text)) for text in texts if isinstance(text, str))
