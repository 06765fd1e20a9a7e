"""Does a text that nobody could read as a form name somebody, by their email or their phone?"""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote_plus

GAP = r"[\s()+./-]{0,3}"  # how people part the digits of a number
SHORTEST = 7  # digits: fewer may be part of anything, and count only after their country's code
_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")
_BREAK = re.compile(r"\\+[bfnrt]")


def mention_of(emails: Iterable[str], phones: Iterable[tuple[str, str]]) -> re.Pattern[str]:
    """What finds any of these in `readable` text. `phones`: the country's code, and the number within the country."""
    found = [_email(email) for email in emails] + [_phone(code, national) for code, national in phones]
    return re.compile("|".join(found) or "(?!)", re.IGNORECASE)


def readable(text: str) -> str:
    """With the escapes of JSON and of web forms undone: a body that was not understood is kept as it came."""
    plain = _BREAK.sub(" ", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), unicodedata.normalize("NFC", text)))
    return f"{plain}\n{unquote_plus(plain)}" if "%" in plain else plain


def _email(email: str) -> str:
    """The whole address: one that another ends with is somebody else's."""
    return rf"(?<![a-z0-9._%+-]){re.escape(email)}(?![a-z0-9_-]|\.[a-z0-9])"


def _phone(code: str, national: str) -> str:
    """All its digits and no more, with or without the country's code or the zero that is dialled at home."""
    number, abroad = GAP.join(national), rf"(?:\+|00|011)?{GAP}{GAP.join(code)}{GAP}(?:\(?0\)?{GAP})?"
    if len(national) < SHORTEST:
        return rf"\+{GAP}{GAP.join(code)}{GAP}{number}(?![0-9])"
    return rf"(?<![0-9])(?<![0-9][.,])(?:{abroad}|[08]{GAP})?{number}(?![0-9])"
