"""Links in mails. Whoever has one may act for the rep on this one assignment, so it is signed and ends."""

from datetime import datetime, timedelta
from uuid import UUID

from shared.signing import Signer

OFFER_FOR = timedelta(days=30)  # while the assignment is the rep's; this is only the outermost end
LIST_FOR = timedelta(days=7)


class Links:
    def __init__(self, base_url: str, secret: bytes) -> None:
        self._base, self._offers, self._lists = base_url, Signer(secret, purpose="offer"), Signer(secret, purpose="rep")

    def offer(self, assignment_id: UUID, now: datetime) -> str:
        return f"{self._base}/a/{_sign(self._offers, assignment_id, now + OFFER_FOR)}"

    def leads_of(self, rep_id: UUID, now: datetime) -> str:
        return f"{self._base}/mine/{_sign(self._lists, rep_id, now + LIST_FOR)}"

    def read_offer(self, token: str, now: datetime) -> UUID | None:
        return _open(self._offers, token, now)

    def read_leads_of(self, token: str, now: datetime) -> UUID | None:
        return _open(self._lists, token, now)


def _sign(signer: Signer, subject: UUID, until: datetime) -> str:
    return signer.sign(f"{subject}:{int(until.timestamp())}")


def _open(signer: Signer, token: str, now: datetime) -> UUID | None:
    subject, _, until = (signer.open(token) or "").partition(":")
    return UUID(subject) if until and now.timestamp() < int(until) else None
