"""How often somebody may post: a bucket of tokens for each, refilled evenly. A stranger more pushes the oldest out."""

from collections import OrderedDict

MOST_REMEMBERED = 50_000


class Buckets:
    """`limit` posts per `seconds`. In one process only: a limit over all replicas belongs at the gateway."""

    def __init__(self, limit: int, seconds: float = 60.0, *, most: int = MOST_REMEMBERED) -> None:
        self.limit, self.seconds, self._most = limit, seconds, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # who -> tokens left, at what time

    def wait_for(self, who: str, now: float) -> float:
        """Takes a token: 0, or the seconds until there is one."""
        if self.limit <= 0:
            return 0.0
        left, at = self._left.get(who, (float(self.limit), now))
        left = min(float(self.limit), left + (now - at) * self.limit / self.seconds)
        wait = 0.0 if left >= 1 else (1 - left) * self.seconds / self.limit
        self._left[who] = (left - 1 if left >= 1 else left, now)
        self._left.move_to_end(who)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return wait
