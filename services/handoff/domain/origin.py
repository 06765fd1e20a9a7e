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
LONGEST = 200  # as the key marketing prices a campaign by


def origin_of(attribution: Mapping[str, str], *, referred: bool) -> dict[str, str]:
    """Source, medium, campaign, and which kind of click it was. An id of a click, an address or a number is never kept,
    but for the number of a campaign that the platform of an ad fills in.
    """
    click = next((name for name in CLICKS if attribution.get(name)), "")
    source = _name(attribution, "utm_source").casefold()
    return {
        "source": source or ("referral" if referred else CLICKS.get(click, "direct")),
        "medium": _name(attribution, "utm_medium").casefold(),
        "campaign": _name(attribution, "utm_campaign", of_ad=bool(click)).casefold(),  # as marketing prices it
        "click": click,
    }


def _name(attribution: Mapping[str, str], key: str, *, of_ad: bool = False) -> str:
    text = str(attribution.get(key) or "").strip()
    if of_ad and text.isascii() and text.isdigit():
        return text[:LONGEST]
    digits = sum(char.isdigit() for char in text)
    return "" if "@" in text or (digits >= 7 and not any(char.isalpha() for char in text)) else text[:LONGEST]
