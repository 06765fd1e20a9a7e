"""The headers of a touch: who writes to whom, and how to make it stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from shared.mail import Headers, Unsendable, mailbox, one_line, split_mailbox, unstructured, wire_address


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every mail of this installation shares."""

    sender: str
    reply_to: str | None = None
    feedback_id: str = "touch"

    @property
    def mailbox(self) -> tuple[str, str]:
        return split_mailbox(self.sender)

    @property
    def address(self) -> str:
        return wire_address(self.mailbox[1])

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2] or "localhost"


def is_writable(sender: str) -> bool:
    """Whether a mail can come from there: what both teams signed may be a name alone."""
    try:
        return bool(Letterhead(sender).address)
    except Unsendable:
        return False


def message_id(touch_id: str, domain: str) -> str:
    """Fixed for the life of the touch."""
    return f"<{touch_id}@{domain}>"


_date = lru_cache(maxsize=8)(format_datetime)  # a batch of mails has one moment


def mail_headers(
    head: Letterhead,
    *,
    contact: dict[str, str | None],
    subject: str,
    id: str,
    at: datetime,
    unsubscribe: Sequence[str],
    kind: str,
) -> Headers:
    """Every header, in the order a reader of sources expects them. Raises Unsendable."""
    name = one_line(f"{contact.get('first_name') or ''} {contact.get('last_name') or ''}")
    headers = [
        ("From", mailbox(*head.mailbox)),
        ("To", mailbox(name, contact.get("email") or "")),
        ("Subject", unstructured(one_line(subject), len("Subject: "))),
        ("Date", _date(at)),
        ("Message-ID", id),
        ("List-Unsubscribe", ",\r\n ".join(f"<{address}>" for address in unsubscribe)),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Feedback-ID", f"{kind}:{head.feedback_id}"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ]
    if head.reply_to:
        headers.insert(2, ("Reply-To", mailbox("", head.reply_to)))
    return headers
