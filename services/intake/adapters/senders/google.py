"""Google Ads lead forms: the key is in the body, ids are 64-bit numbers, `is_test` must never reach a rep."""

from collections.abc import Sequence

import orjson

from services.intake.adapters.senders.post import Heard, NotUnderstood, Post, Reading, Values
from services.intake.adapters.senders.signatures import same

KEPT = ("form_id", "adgroup_id", "creative_id", "asset_group_id", "lead_stage", "lead_submit_time", "lead_source")


class Google:
    needs_secret = True

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        try:
            values = orjson.loads(post.body)
        except orjson.JSONDecodeError:
            return False
        key = values.get("google_key") if isinstance(values, dict) else None
        return isinstance(key, str) and any(same(key, secret) for secret in secrets)

    def read(self, values: Values, post: Post) -> Heard:
        columns = values.get("user_column_data")
        if not isinstance(columns, list):
            raise NotUnderstood("There is no user_column_data.")
        told: Values = {key: str(values[key]) for key in KEPT if values.get(key) is not None}
        for column in columns:
            if isinstance(column, dict):
                name = column.get("column_id") or column.get("column_name")
                told[str(name)] = column.get("string_value", column.get("value"))
        told |= {key: value for key, value in values.items() if key not in KNOWN and key not in told}
        attribution = {"utm_source": "google", "utm_medium": "cpc"}
        attribution |= {"gclid": str(values["gcl_id"])} if values.get("gcl_id") else {}
        attribution |= {"utm_id": str(values["campaign_id"])} if values.get("campaign_id") else {}
        lead_id = values.get("lead_id")
        told |= {"attribution": attribution, "external_id": lead_id, "test": values.get("is_test") in (True, "true")}
        return Heard([Reading(told, str(lead_id) if lead_id else None)])


KNOWN = {"user_column_data", "google_key", "is_test", "gcl_id", "lead_id", "campaign_id", "api_version"}
