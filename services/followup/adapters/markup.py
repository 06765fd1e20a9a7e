"""The markup of a template: header lines, paragraphs, `- ` lists, [words](link). Read once per template version.

It becomes two Jinja sources, one for text and one for HTML with every style inlined, so that what a client typed is
filled in afterwards and can neither be markup nor HTML.
"""

import html
import re
from dataclasses import dataclass

HEADERS = ("subject", "preheader", "sms", "footer")
_JINJA = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\(((?:\{\{.*?\}\}|https://[^\s()]+))\)")
_ALONE = re.compile(rf"^{_LINK.pattern}$")
_BLOCK = re.compile(r"^(\{%.*?%\}\s*)+$", re.DOTALL)

P = 'style="margin:0 0 16px"'
LI = 'style="margin:0 0 8px"'
BUTTON = (
    'class="b" style="display:inline-block;padding:12px 20px;border-radius:8px;background:#0b5cad;color:#ffffff;'
    'font-weight:bold;text-decoration:none"'
)
A = 'class="a" style="color:#0b5cad"'


@dataclass(frozen=True, slots=True)
class Sources:
    """Jinja sources of one template."""

    headers: dict[str, str]
    text: str
    html: str


def read_markup(source: str) -> Sources:
    """Raises ValueError with a line where the head is not one."""
    head, _, body = source.replace("\r\n", "\n").partition("\n\n")
    headers = dict(_header(number, line) for number, line in enumerate(head.splitlines(), 1))
    if "subject" not in headers:
        raise ValueError("line 1: start with Subject: and what the mail is about")
    paragraphs = [one.strip("\n") for one in re.split(r"\n{2,}", body.strip()) if one.strip()]
    return Sources(headers, "\n\n".join(map(_as_text, paragraphs)), "\n".join(map(_as_html, paragraphs)))


def _header(number: int, line: str) -> tuple[str, str]:
    name, colon, content = line.partition(":")
    if not colon or name.lower() not in HEADERS:
        raise ValueError(f"line {number}: the head has {', '.join(name.capitalize() for name in HEADERS)}, then an empty line")
    return name.lower(), content.strip()


def _as_text(paragraph: str) -> str:
    if _BLOCK.match(paragraph):
        return paragraph
    return _LINK.sub(lambda found: f"{found[1]}: {found[2]}", paragraph)


def _as_html(paragraph: str) -> str:
    if _BLOCK.match(paragraph):
        return paragraph
    if alone := _ALONE.match(paragraph):
        return f'<p {P}><a {BUTTON} href="{alone[2]}">{escape(alone[1])}</a></p>'
    lines = paragraph.split("\n")
    if all(line.startswith("- ") for line in lines):
        items = "".join(f"<li {LI}>{_inline(line[2:])}</li>" for line in lines)
        return f'<ul style="margin:0 0 16px;padding-left:20px">{items}</ul>'
    return f"<p {P}>{'<br>'.join(map(_inline, lines))}</p>"


def _inline(text: str) -> str:
    parts, end = [], 0
    for found in _LINK.finditer(text):
        parts += [escape(text[end : found.start()]), f'<a {A} href="{found[2]}">{escape(found[1])}</a>']
        end = found.end()
    return "".join([*parts, escape(text[end:])])


def escape(text: str) -> str:
    """What the author wrote, but for the places that are filled in."""
    return "".join(part if part.startswith(("{{", "{%")) else html.escape(part, quote=False) for part in _JINJA.split(text))
