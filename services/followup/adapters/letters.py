"""Letters as one PDF to print: an address in the window of the envelope, a page each, and room for a signature by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only `letters print` draws: a serving process need not know how
    from fpdf import FPDF

FONTS = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/Library/Fonts/Arial Unicode.ttf"),
    Path("C:/Windows/Fonts/arial.ttf"),
)


ADVICE = "set FOLLOWUP_LETTER_FONT to a TrueType font that has every character of these letters"


class Unprintable(ValueError):
    """The letterhead has characters the font does not have; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is printed for one touch."""

    name: str
    address: str
    body: str


def font_file(font: Path | None) -> Path | None:
    """The owner's font, or one of the machine's."""
    return font or next((one for one in FONTS if one.exists()), None)


def is_printable(letter: Letter, font: Path | None) -> bool:
    """Without a font file there is only the printer's own, which knows Western letters."""
    try:
        f"{letter.name}{letter.address}{letter.body}".encode("latin-1")
    except UnicodeEncodeError:
        return font_file(font) is not None
    return True


def print_letters(letters: Sequence[Letter], *, company: str, postal_address: str, day: str, font: Path | None) -> bytes:
    """One page a letter. Raises Unprintable."""
    from fpdf import FPDF

    pdf = FPDF(format="Letter", unit="mm")
    pdf.set_auto_page_break(auto=True, margin=20)
    family = "Helvetica"
    if (file := font_file(font)) is not None:
        pdf.add_font("letter", fname=file)
        family = "letter"
    for letter in letters:
        pdf.add_page()
        _write(pdf, family, letter, company, postal_address, day)
    return bytes(pdf.output())


def _write(pdf: FPDF, family: str, letter: Letter, company: str, postal_address: str, day: str) -> None:
    from fpdf.errors import FPDFException

    try:
        pdf.set_font(family, size=9)
        pdf.set_xy(22, 15)
        pdf.multi_cell(170, 4.5, f"{company}\n{postal_address}")
        pdf.set_font(family, size=11)
        pdf.set_xy(22, 50)
        pdf.multi_cell(95, 5.5, f"{letter.name}\n{letter.address}", align="L")
        pdf.set_xy(22, max(95, pdf.get_y() + 6))  # an address may have more lines than a window shows
        pdf.multi_cell(170, 6, f"{day}\n\n{letter.body}", align="L")
        pdf.set_xy(22, pdf.get_y() + 18)
        pdf.cell(70, 6, company, border="T")
    except (FPDFException, UnicodeEncodeError) as error:
        raise Unprintable(f"{ADVICE}, the company's name among them") from error
