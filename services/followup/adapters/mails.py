"""A touch as a mail: text and HTML, with everything RFC 8058 asks of one that can be unsubscribed by one click."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

_folder = FileSystemLoader(Path(__file__).parent / "templates")
_text = ImmutableSandboxedEnvironment(loader=_folder, undefined=StrictUndefined, trim_blocks=True)
_html = ImmutableSandboxedEnvironment(loader=_folder, undefined=StrictUndefined, autoescape=True)


class Unsendable(ValueError):
    """This address or template can never become a mail; the touch fails with this reason."""


def message_id(touch_id: str, sender: str) -> str:
    """Fixed for the life of the touch."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<{touch_id}@{domain}>"


def build_mail(
    *,
    step: str,
    subject: str,
    sender: str,
    company: str,
    postal_address: str,
    contact: dict[str, str | None],
    unsubscribe_url: str,
    id: str,
    at: datetime,
) -> EmailMessage:
    """Render a touch. Raises Unsendable."""
    first_name = one_line(contact.get("first_name") or "") or "there"
    values = {
        "first_name": first_name,
        "company": company,
        "postal_address": postal_address,
        "unsubscribe_url": unsubscribe_url,
    }
    mail = EmailMessage()
    try:
        name, address = parseaddr(sender)
        mail["From"] = Address(name, addr_spec=address)
        full_name = one_line(f"{contact.get('first_name') or ''} {contact.get('last_name') or ''}")
        mail["To"] = Address(full_name, addr_spec=contact.get("email") or "")
        mail["Subject"] = one_line(subject.replace("{first_name}", first_name))
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = id
        mail["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(_text.get_template(f"{step}.txt").render(values), cte="quoted-printable")
        paragraphs = _text.get_template(f"{step}.txt").render(values).split("\n\n--")[0].strip().split("\n\n")
        page = _html.get_template("mail.html").render(paragraphs=paragraphs, title=str(mail["Subject"]), **values)
        mail.add_alternative(page, subtype="html", cte="quoted-printable")
    except Exception as error:
        raise Unsendable(f"{type(error).__name__}: {error}"[:300]) from error
    return mail


def one_line(text: str) -> str:
    """Nothing in a name may become a header."""
    return " ".join("".join(" " if ord(char) < 32 or char in "\x7f\u2028\u2029\x85" else char for char in text).split())
