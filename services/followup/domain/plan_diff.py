"""What another version of a plan would change for the clients who are in it: counted, and named by a hash."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta

from services.followup.domain.forecast import Planned


@dataclass(slots=True)
class Difference:
    """Touches and clients who gain, lose and see some move; the busiest day; what would go out within the hour."""

    clients: int = 0
    paused: int = 0  # clients who wait: they go over, too, and are planned by the new version when they go on
    gained: int = 0
    lost: int = 0
    moved: int = 0
    clients_who_gain: int = 0
    clients_who_lose: int = 0
    clients_who_move: int = 0
    max_shift_days: int = 0
    within_the_hour: int = 0
    days: Counter[date] = field(default_factory=Counter)

    @property
    def peak(self) -> tuple[str, int]:
        """The day with the most touches of the new version."""
        if not self.days:
            return "", 0
        day, touches = max(self.days.items(), key=lambda one: (one[1], one[0].toordinal() * -1))
        return day.isoformat(), touches

    def add(self, before: Iterable[Planned], after: Iterable[Planned], now: datetime) -> None:
        """One client more."""
        old = {one.key: one for one in before if one.reason is None}
        new = {one.key: one for one in after if one.reason is None}
        gained, lost = len(new.keys() - old.keys()), len(old.keys() - new.keys())
        shifts = [abs(new[key].slot.due_at - old[key].slot.due_at) for key in new.keys() & old.keys()]
        shifts = [shift for shift in shifts if shift]
        self.clients += 1
        self.gained, self.clients_who_gain = self.gained + gained, self.clients_who_gain + bool(gained)
        self.lost, self.clients_who_lose = self.lost + lost, self.clients_who_lose + bool(lost)
        self.moved, self.clients_who_move = self.moved + len(shifts), self.clients_who_move + bool(shifts)
        self.max_shift_days = max(self.max_shift_days, *(-(-shift // timedelta(days=1)) for shift in shifts), 0)
        self.within_the_hour += sum(one.slot.due_at <= now + timedelta(hours=1) for one in new.values())
        self.days.update(one.slot.day for one in new.values())

    def hash(self, *about: str) -> str:
        """Names these numbers: apply needs it, and refuses where they are others by then."""
        numbers = {name: value for name, value in asdict(self).items() if name != "days"}
        text = json.dumps([about, numbers, self.peak], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
