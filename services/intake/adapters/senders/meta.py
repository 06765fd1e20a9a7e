"""Meta Lead Ads: a signed notice without answers, and the lead as the Graph API tells it."""

from collections.abc import Sequence
from typing import Any

from services.intake.adapters.senders.described import TICKED, ticked_box
from services.intake.adapters.senders.post import Heard, Notice, NotUnderstood, Post, Reading, Values
from services.intake.adapters.senders.signatures import by_header, hex_sha256

TEST_MARK = "<test lead: dummy data"
PLATFORMS = {"fb": "facebook", "ig": "instagram"}
_verify = by_header("x-hub-signature-256", "sha256=", hex_sha256)


class Meta:
    needs_secret = True

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        return _verify(post, secrets)

    def read(self, values: Values, post: Post) -> Heard:
        if isinstance(values.get("field_data"), list):
            return Heard([read_lead(values)])
        entries = values.get("entry")
        if not isinstance(entries, list):
            raise NotUnderstood("There is no list of entries.")
        notices, readings = [], []
        for content in _changes(entries):
            lead_id = content.get("leadgen_id")
            if isinstance(content.get("field_data"), list):
                readings.append(read_lead(content))
            elif isinstance(lead_id, str | int) and str(lead_id).isascii() and str(lead_id).isdigit():
                notices.append(Notice(str(lead_id), content))
            else:
                readings.append(Reading(content, held="a notice without the id of its lead"))
        return Heard(readings, notices)


def _changes(entries: list[Any]) -> list[Values]:
    """The lead notices; pages also tell of other things, which are none."""
    changes = [one for entry in entries if isinstance(entry, dict) for one in entry.get("changes") or [] if isinstance(one, dict)]
    return [one["value"] for one in changes if one.get("field") == "leadgen" and isinstance(one.get("value"), dict)]


def read_lead(lead: Values) -> Reading:
    """GET /{leadgen_id}: field_data [{name, values}], and the boxes that were ticked."""
    told: Values = {}
    for one in lead["field_data"]:
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            given = one["values"] if isinstance(one.get("values"), list) else []
            told[one["name"]] = given[0] if len(given) == 1 else given
    consents = []
    for box in lead.get("custom_disclaimer_responses") or []:
        if isinstance(box, dict) and isinstance(key := box.get("checkbox_key"), str):
            consent = ticked_box(key, box.get("is_checked"))
            if consent:
                consents.append(consent)
            else:
                told[f"disclaimer {key}"] = str(box.get("is_checked")).lower() in TICKED
    lead_id = str(lead.get("id") or lead.get("leadgen_id") or "")
    told |= {key: str(lead[key]) for key in ("ad_id", "adgroup_id", "form_id", "ad_name", "form_name") if lead.get(key)}
    told |= {"external_id": lead_id, "consents": consents, "attribution": _attribution(lead)}
    if any(TEST_MARK in str(value) for value in told.values()):
        told["test"] = True
    return Reading(told, lead_id or None)


def _attribution(lead: Values) -> dict[str, str]:
    platform = str(lead.get("platform", ""))
    found = {
        "utm_source": PLATFORMS.get(platform, platform or "facebook"),
        "utm_medium": "organic" if lead.get("is_organic") is True else "paid_social",
        "utm_campaign": str(lead.get("campaign_name") or ""),
        "utm_id": str(lead.get("campaign_id") or ""),
    }
    return {name: value for name, value in found.items() if value}
