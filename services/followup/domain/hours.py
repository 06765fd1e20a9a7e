"""Whether a touch may arrive at this very moment: the plan was made long ago, and the moment of sending is what counts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.followup.domain.plans import Step
from services.followup.domain.slots import closed_on
from services.followup.domain.windows import Place, QuietRule, instant, legal_window

LOOK_AHEAD = 14  # days


def opens_at(step: Step, channel: str, place: Place, quiet: Sequence[QuietRule], now: datetime) -> datetime | None:
    """None: it may go now. Otherwise the next moment it may; at the latest after two weeks it is asked again."""
    if step.purpose == "service" and channel != "sms":
        return None  # mail about the client's own job goes at once, by day and by night
    here = now.astimezone(place.zone)
    for ahead in range(LOOK_AHEAD):
        day = here.date() + timedelta(days=ahead)
        legal = legal_window(quiet, place, channel, step.purpose, day)
        window = legal & step.rules.window if legal is not None else None
        if window is None or closed_on(step, day) is not None:
            continue
        if ahead == 0 and window.opens <= here.time() and not window.is_past(here.time()):
            return None
        if ahead > 0 or here.time() < window.opens:
            return instant(day, window.opens, place.zone)[0]
    return now + timedelta(days=LOOK_AHEAD)
