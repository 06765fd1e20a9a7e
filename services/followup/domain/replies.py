"""What a person who answers wants: to stop, help, to start again, to send us somebody, or simply to talk."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Wish = Literal["stop", "help", "start", "talk"]

# 47 CFR 64.1200(a)(10) and the carriers' own lists.
STOP = {
    "stop",
    "quit",
    "end",
    "revoke",
    "opt out",
    "optout",
    "opt-out",
    "cancel",
    "unsubscribe",
    "stopall",
    "stop all",
    "arret",
    "arrêt",
}
HELP, START = {"help", "info", "aide"}, {"start", "unstop", "yes start"}
_NEARLY_STOP = re.compile(
    r"^(?:s+t+o+p+e?d?(?<!stopped)|st0p|sotp|stpo|tsop|unsub\w{0,10}|unsubscibe|un-?subscribe me|remove|remove me"
    r"|stop(?: (?:it|this|that|now|already))+|no more|lose my number)$"
)
_COURTESY = re.compile(r"\b(?:please|pls|plz|thanks|thank you|thx)\b")
# A line that goes on in lower case is the same sentence: programs break lines anywhere.
_OPENING = re.compile(r"\s*(.*?)(?:[.!]\s|\n\s*\n|\n(?!\s*[a-zà-ÿ])|\Z)", re.DOTALL)
_SENTENCE = re.compile(
    r"\b(?:stop|quit|cease|no more|don'?t|do not|never)\b(?! (?:forget|hesitate|mind|worry)\b)[^.!?,;]{0,24}"
    r"\b(?:text|txt|messag|mail|e-?mail|contact"
    r"|call|send|write|writ|bother)"
    r"|\b(?:take|remove|delete)\b.{0,12}\b(?:me|my (?:name|number|e-?mail|address))\b|\bopt(?:ing)?[ -]?(?:me )?out\b"
    r"|\bunsubscribe\b|\bcancel\b[^.!?]{0,24}\bsubscriptions?\b"
    r"|\bleave me alone\b|\bwrong (?:number|person)\b|\bnot interested\b.{0,30}\b(?:stop|remove|again|further)\b",
    re.IGNORECASE | re.DOTALL,
)
_GO_ON = re.compile(r"(?<!you )\b(?:don't|do not|never) (?:stop|quit|cancel|unsubscribe|remove)\b", re.IGNORECASE)
_ANSWER = re.compile(r"^(?:\s*(?:re|fwd?|aw|wg|sv|vs|tr|rv|antw)\s*:)+", re.IGNORECASE)
_QUOTE = re.compile(
    r"^\s*(?:>|On .{4,120}wrote:|-{2,} ?(?:Original|Forwarded|Urspr.nglich|Mensa[jg]em?\b|Message d.origine|On .{4,120}wrote)"
    r"|Begin forwarded message|[*_]{0,2}(?:From|Von|De|Da|Van|Från|Fra) ?:|Sent from |-- ?$|_{5,}|Am .{4,80}schrieb)",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(  # "On Tue, Nov 24, 2026 at 10:00 AM Joe <", and on the next line "joe@maple.example> wrote:"
    r"^[ \t]*(?:On|Am|Le|El|Il|Op|Em|Den)\b[^\n\d]{0,120}\d(?:[^\n]{0,120}\n){0,2}[^\n]{0,120}"
    r"\b(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev)\b[^\n]{0,80}:[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_OUR_FOOT = re.compile("You get this because (?:you turned to us|we worked for you)")  # where nothing marks it as quoted
_PHONE = re.compile(r"(?<![\w+])\+?\d[\d\s().-]{6,18}\d(?!\w)")
_EMAIL = re.compile(r"(?<![^\s<>,;\"()])[^\s<>,;\"()]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_RELATIVES = (
    r"\b(?:friend|neighbou?r|sister|brother|mother|father|mom|mum|dad|aunt|uncle|cousin|colleague"
    r"|co-?worker|boss|daughter|son|in-law|tenant)\b"
)
_ASKS_FOR = re.compile(
    r"\b(?:call|contact|ring|text|try|reach|(?<!your )help|ask for|speak (?:to|with)|talk to|write to)\b(?! (?:me|us)\b)"
    rf"|{_RELATIVES}",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(rf"\b(?:she|he|they|her|him|them)\b|{_RELATIVES}", re.IGNORECASE)
_NO_NAME = re.compile(
    r"(?:please|call|contact|hi|hello|hey|yes|my|our|the|her|his|their|you|your|i|we|she|he|they|could|can|would|thanks?|dear"
    r"|ring|text|try|it|and)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"\b([A-Z][\w'’-]+(?: [A-Z][\w'’-]+)?)\b")


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody a client named in a reply. It is a task for a person: nobody who did not ask is written to by a machine."""

    first_name: str
    last_name: str
    email: str | None
    phone: str | None

    def is_called(self, contact: Mapping[str, str | None]) -> bool:
        """Whether it is the writer's own name, as it stands below what they wrote."""
        words = f"{self.first_name} {self.last_name}".casefold().split()
        own = f"{contact.get('first_name') or ''} {contact.get('last_name') or ''}".casefold().split()
        return bool(words) and set(words) <= set(own)


def own_words(text: str) -> str:
    """What was written above the mail that is quoted; where nothing was, what was written between its lines and below."""
    text = _OUR_FOOT.split(text, 1)[0] if _above(text) else text
    return _above(text) or _above("\n".join(line for line in text.splitlines()[_quote_begins(text) :] if line[:1] != ">"))


def _above(text: str) -> str:
    lines, quoted = [], _ATTRIBUTION.search(text)
    for line in text[: quoted.start() if quoted else None].splitlines():
        if _QUOTE.match(line):
            break
        lines.append(line)
    return "\n".join(lines).strip()


def _quote_begins(text: str) -> int:
    """The first line that is marked as quoted; without one nobody can tell whose the lines below are."""
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines) if line[:1] == ">"), len(lines))


def wish_of(text: str, subject: str = "") -> tuple[Wish, bool]:
    """(the wish, whether it is beyond doubt). A stop in other words counts at once and is looked at by a person."""
    if not text.strip():
        return ("stop", False) if _stops(subject) else ("talk", True)
    plain = _plain(text)
    if plain in STOP:
        return "stop", True
    if plain in HELP:
        return "help", True
    if plain in START:
        return "start", True
    return ("stop", False) if _opens_with_stop(text) or _asks_to_stop(text) else ("talk", True)


def _plain(text: str) -> str:
    """The words alone, without courtesy."""
    plain = re.sub(r"[^\w\s'-]", " ", unicodedata.normalize("NFKC", text).casefold())
    words = [word.strip("'-") for word in _COURTESY.sub(" ", plain).split()]
    if len(words) > 1 and all(len(word) == 1 for word in words):
        return "".join(words)  # S.T.O.P.
    return " ".join(word for word, before in zip(words, ["", *words], strict=False) if word and word != before)


def _opens_with_stop(text: str) -> bool:
    """The first line or sentence is the word, and a name or a reason follows."""
    found = _OPENING.match(text)
    plain = _plain(found[1]) if found else ""
    return plain in STOP or _NEARLY_STOP.match(plain) is not None


def _asks_to_stop(text: str) -> bool:
    return _SENTENCE.search(_GO_ON.sub(" ", text.replace("’", "'"))) is not None


def _stops(subject: str) -> bool:
    """A subject that answers ours repeats our words: then only the bare word is theirs."""
    own = _ANSWER.sub("", subject)
    return _opens_with_stop(own) or (own == subject and _asks_to_stop(own))


def named_in(text: str) -> Named | None:
    """Somebody with a phone number or an address whom the writer wants us to help."""
    phone, email = _PHONE.search(text), _EMAIL.search(text)
    if (phone is None and email is None) or not _ASKS_FOR.search(text):
        return None
    before = text[: min(found.start() for found in (phone, email) if found is not None)]
    names = [name for name in _NAME.findall(before) if not _NO_NAME.match(name)]
    if not names and not _SOMEBODY.search(text):
        return None  # "call 419-555-0134" is most likely their own
    first, _, last = names[-1].partition(" ") if names else ("", "", "")
    return Named(first, last, email[0] if email else None, phone[0].strip() if phone else None)
