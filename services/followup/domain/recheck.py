"""Planned is not sent: when a touch is claimed, the hour and the caps are asked again, as things are now."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.followup.domain.caps import Touched, broken_cap
from services.followup.domain.plans import Plan, Step
from services.followup.domain.slots import closed_on, keeps_hours, window_on
from services.followup.domain.windows import Place, QuietRule


def reason_to_wait(
    plan: Plan, step: Step, touch: Touched, place: Place, quiet: Sequence[QuietRule], sent: Iterable[Touched], now: datetime
) -> str | None:
    """Why the touch must not go out at this moment; None: it may. `sent` is what the household got or is being sent."""
    here = now.astimezone(place.zone)
    if keeps_hours(step, touch.channel):
        window = window_on(step, touch.channel, place, quiet, here.date())
        if closed := closed_on(step, here.date()):
            return closed
        if window is None or here.time() < window.opens or window.is_past(here.time()):
            return "quiet hours"
    others = [one for one in sent if one.id != touch.id]
    own = [one for one in others if one.client_id == touch.client_id]
    for caps, rivals in ((plan.caps, own), (plan.household_caps, others)):
        if broken := broken_cap(caps, here.date(), step.purpose, touch.channel, rivals):
            return f"cap {broken[0]}: {broken[1].id} went first"
    return None
