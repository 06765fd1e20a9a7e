"""Whether a touch may arrive at this very moment: the plan was made long ago, and the moment of sending is what counts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.followup.domain.plans import Step
from services.followup.domain.slots import closed_on, keeps_hours, window_on
from services.followup.domain.windows import Place, QuietRule, instant, is_legal

LOOK_AHEAD = 14  # days


def opens_at(step: Step, channel: str, place: Place, quiet: Sequence[QuietRule], now: datetime) -> datetime | None:
    """None: it may go now. Otherwise the next moment it may; at the latest after two weeks it is asked again."""
    if not keeps_hours(step, channel):
        return None
    here = now.astimezone(place.zone)
    for ahead in range(LOOK_AHEAD):
        day = here.date() + timedelta(days=ahead)
        window = window_on(step, channel, place, quiet, day)
        if window is None or closed_on(step, day) is not None:
            continue
        if ahead > 0 or here.time() < window.opens:
            return instant(day, window.opens, place.zone)[0]
        if not window.is_past(here.time()) and is_legal(quiet, place, channel, step.purpose, now):
            return None
    return now + timedelta(days=LOOK_AHEAD)
