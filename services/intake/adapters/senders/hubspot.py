"""HubSpot: a form submission ({fields: [{name, value}], context}) or a contact a workflow sends ({properties})."""

from collections.abc import Sequence
from typing import Any

from services.intake.adapters.senders import signatures
from services.intake.adapters.senders.plain_posts import flat, repeatable
from services.intake.adapters.senders.post import Heard, Post, Reading, Values


class HubSpot:
    needs_secret = False

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        signed = any(name.startswith("x-hubspot-signature") for name in post.headers)
        return signatures.hubspot(post, secrets) if signed else signatures.presented(post, secrets)

    def read(self, values: Values, post: Post) -> Heard:
        told = flat(values)
        properties = told.pop("properties", None)
        if isinstance(properties, dict):
            told |= {key: one.get("value") if isinstance(one, dict) else one for key, one in properties.items()}
        context, legal = told.pop("context", None), told.pop("legalConsentOptions", None)
        if isinstance(context, dict):
            told |= {key: context[key] for key in ("pageUri", "pageName") if context.get(key)}
        told["consents"] = _consents(legal)
        own = next(
            (str(told[key]) for key in ("submissionId", "submission_id", "vid", "hs_object_id", "objectId") if told.get(key)),
            None,
        )
        told["external_id"] = own
        return Heard([Reading(told, own and repeatable(own, post))])


def _consents(legal: Any) -> list[dict[str, Any]]:
    """Ticked subscriptions are consent to mail, in the words shown."""
    given = legal.get("consent", legal) if isinstance(legal, dict) else {}
    boxes = given.get("communications") if isinstance(given, dict) else None
    ticked = [one for one in boxes or [] if isinstance(one, dict) and one.get("value") is True]
    return [{"channel": "email", "purpose": "marketing", "granted": True, "text": str(one.get("text", ""))} for one in ticked]
