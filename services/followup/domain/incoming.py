"""What a mail that came in is: a bounce, a complaint, an automatic answer, or a person writing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.followup.domain.bounces import Failure

Kind = Literal["bounce", "complaint", "automatic", "reply"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A mail, parsed: header names are lower case, `text` is what a reporter wrote, without the message that came back."""

    headers: Mapping[str, str]
    text: str = ""
    whole: str = ""  # with it: a person quotes in other ways than a machine, and may write its words
    recipients: tuple[str, ...] = ()  # every address it came to: ours tell which touch it answers
    failures: tuple[Failure, ...] = ()
    feedback: tuple[Mapping[str, str], ...] = ()
    returned: Mapping[str, str] = field(default_factory=dict)  # headers of our own message, where it came back
    is_report: bool = False
    links: tuple[str, ...] = ()  # addresses of ours that our own message carried
    digest: str = ""  # of its bytes: the same mail a second time has the same


_DAEMON = re.compile(
    r"mailer-?daemon|postmaster|mail delivery|mail\.delivery|delivery subsystem|mdaemon|system administrator"
    r"|\bbounces?\b(?=[^@\s]{0,128}@)|\bsmtp\b",
    re.I,
)
_FAILED = re.compile(
    r"undeliver|not (?:be )?deliver|deliver\w{0,8} (?:status|failure|failed|problem|delay|has failed|warning)"
    r"|returned? (?:mail|message|to sender)"
    r"|failure notice|failed mail|mail (?:delivery|failure|error|system error)|non[- ]?(?:deliver|remis)"
    r"|processing error|bounce",
    re.I,
)
_GIVES_UP = re.compile(
    r"(?:not|n't|un(?:able)?(?: to)?|could ?not|cannot|failed to|failure to|wasn't able to|nicht"
    r"|impossible)[ -]?(?:be )?(?:deliver|reach|process|sen[dt]|zugestellt)"
    r"|deliver\w{0,8} (?:failed|failure|problem|error|delay|to the following|attempt)|undeliver|returned to|bounced|rejected"
    r"|permanent (?:error|failure)",
    re.I,
)
_AUTO_SUBJECT = re.compile(
    r"^\W*(?:auto(?:matic|mated|matische)?[- ]?(?:re(?:ply|sponse|sponder)|answer|antwort)|out[- ]of[-"
    r" ](?:the[- ])?office|ooo\b|abwesen|"
    r"r[ée]ponse automatique|absen(?:ce|t)|respuesta autom|risposta automatica|resposta autom|automatisch antwoord"
    r"|autosvar|vacation|"
    r"on (?:leave|holiday|vacation)|away from|i am (?:away|out)|自動(?:応答|返信)|不在|自动回复|автоответ)",
    re.I,
)
_PRECEDENCE = {"auto_reply", "auto-reply", "autoreply", "bulk", "junk", "list"}
_MARKS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-response",
    "x-mail-autoreply",
    "x-vacation",
    "x-autoreply-from",
)
_SUPPRESS = re.compile(r"\b(?:all|oof|autoreply)\b", re.I)


def kind_of(mail: Incoming) -> Kind:
    """In this order: what a machine says in a form made for it, what it says in words, a machine, a person."""
    if mail.feedback or "x-hmxmroriginalrecipient" in mail.returned:  # ARF, and the form Outlook.com has instead
        return "complaint"
    if mail.failures and (mail.is_report or _sounds_like_a_bounce(mail)):
        return "bounce"
    return "automatic" if is_automatic(mail.headers) else "reply"


def _sounds_like_a_bounce(mail: Incoming) -> bool:
    sender, subject = mail.headers.get("from", ""), mail.headers.get("subject", "")
    if "x-failed-recipients" in mail.headers:
        return True
    if _AUTO_SUBJECT.match(subject):
        return False
    if "mailer-daemon" in sender.lower():
        return True
    by_a_machine = bool(_DAEMON.search(sender)) or mail.headers.get("return-path", "").strip() == "<>"
    return bool(_FAILED.search(subject)) or (by_a_machine and bool(_GIVES_UP.search(mail.text[:4_000])))


def is_automatic(headers: Mapping[str, str]) -> bool:
    """RFC 3834, and the habits of programs that never read it."""
    submitted = headers.get("auto-submitted", "no").split(";")[0].split("(")[0].strip().lower()
    if submitted not in ("", "no"):
        return True
    if any(headers.get(name, "no").strip().lower() not in ("", "no", "0", "false") for name in _MARKS):
        return True
    if _SUPPRESS.search(headers.get("x-auto-response-suppress", "")):
        return True
    if (
        headers.get("precedence", "").strip().lower() in _PRECEDENCE
        or headers.get("x-precedence", "").strip().lower() in _PRECEDENCE
    ):
        return True
    if "list-id" in headers or headers.get("return-path", "").strip() == "<>":
        return True
    if _DAEMON.search(headers.get("from", "")) or re.search(r"no-?reply", headers.get("from", ""), re.I):
        return True
    return bool(_AUTO_SUBJECT.match(headers.get("subject", "")))


_NO_COMPLAINT = {"not-spam", "auth-failure", "dmarc", "delivered"}


def complained(mail: Incoming) -> bool:
    """Whether somebody pressed the button: reports of failed authentication and of "not spam" use the same form."""
    types = [part.get("feedback-type", "abuse").strip().lower() for part in mail.feedback] or ["abuse"]
    return any(one not in _NO_COMPLAINT for one in types)


def complainers(mail: Incoming) -> list[str]:
    """Who complained, where the report says so; it often does not, and only our own headers tell."""
    named = [part[name] for part in mail.feedback for name in ("original-rcpt-to", "removal-recipient") if name in part]
    named += [mail.returned[name] for name in ("x-hmxmroriginalrecipient", "to") if name in mail.returned]
    return [address for value in named for address in ADDRESS.findall(value)]


ADDRESS = re.compile(r"(?<![^\s<>,;\"])[^\s<>,;\"]+@[^\s<>,;\"]+")  # looked for from the start of a word only
