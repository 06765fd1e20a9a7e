"""The agreement, read once, as the second step needs it."""

from dataclasses import dataclass
from functools import lru_cache

from services.intake.domain.qualification import Terms, bare_postal_code, shape_of
from shared.agreement import parse


@dataclass(frozen=True, slots=True)
class Agreed:
    """Terms with the hash every decision names, and what to say to people from elsewhere."""

    hash: str
    terms: Terms
    referral: str


@lru_cache(maxsize=4)
def terms_in_force(hash: str, text: str) -> Agreed:
    agreement = parse(text)
    area = frozenset(map(bare_postal_code, agreement.area.postal_codes))
    terms = Terms(agreement.score, agreement.selections, area, frozenset(map(shape_of, area)))
    return Agreed(hash, terms, agreement.area.referral)
