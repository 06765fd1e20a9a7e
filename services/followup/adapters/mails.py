"""A rendered touch as a mail, with everything RFC 8058 asks of one that can be unsubscribed by one click."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from services.followup.adapters.rendering import Rendered, one_line


class Unsendable(ValueError):
    """This address can never get a mail; the touch fails with this reason."""


def message_id(touch_id: str, sender: str) -> str:
    """Fixed for the life of the touch."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<{touch_id}@{domain}>"


def build_mail(
    rendered: Rendered, *, sender: str, contact: dict[str, str | None], unsubscribe_url: str, id: str, at: datetime
) -> EmailMessage:
    """Put a rendered touch into an envelope. Raises Unsendable."""
    mail = EmailMessage()
    try:
        name, address = parseaddr(sender)
        mail["From"] = Address(name, addr_spec=address)
        full_name = one_line(f"{contact.get('first_name') or ''} {contact.get('last_name') or ''}")
        mail["To"] = Address(full_name, addr_spec=contact.get("email") or "")
        mail["Subject"] = rendered.subject
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = id
        mail["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(rendered.text, cte="quoted-printable")
        mail.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    except Exception as error:
        raise Unsendable(f"{type(error).__name__}: {error}"[:300]) from error
    return mail
