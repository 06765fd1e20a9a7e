"""Where a lead came from, in names that say nothing about the person."""

from collections.abc import Mapping

CLICKS = {
    "gclid": "google",
    "gbraid": "google",
    "wbraid": "google",
    "fbclid": "meta",
    "msclkid": "microsoft",
    "ttclid": "tiktok",
    "li_fat_id": "linkedin",
}
LONGEST = 100


def origin_of(attribution: Mapping[str, str], *, referred: bool) -> dict[str, str]:
    """Source, medium, campaign, and which kind of click it was. An id of a click, an address or a number is never kept."""
    click = next((name for name in CLICKS if attribution.get(name)), "")
    source = _name(attribution, "utm_source").casefold()
    return {
        "source": source or ("referral" if referred else CLICKS.get(click, "direct")),
        "medium": _name(attribution, "utm_medium").casefold(),
        "campaign": _name(attribution, "utm_campaign").casefold(),  # as marketing prices it
        "click": click,
    }


def _name(attribution: Mapping[str, str], key: str) -> str:
    text = str(attribution.get(key) or "").strip()
    digits = sum(char.isdigit() for char in text)
    return "" if "@" in text or (digits >= 7 and not any(char.isalpha() for char in text)) else text[:LONGEST]
