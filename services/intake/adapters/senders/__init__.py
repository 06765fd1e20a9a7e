"""Everybody who sends us leads: kind -> how it proves itself and how its payload reads."""

from secrets import token_urlsafe

from services.intake.adapters.senders.form_builders import Formstack, Jotform
from services.intake.adapters.senders.google import Google
from services.intake.adapters.senders.gravity import gravity
from services.intake.adapters.senders.hubspot import HubSpot
from services.intake.adapters.senders.marketplaces import CallRail, Thumbtack
from services.intake.adapters.senders.meta import Meta
from services.intake.adapters.senders.plain_posts import PlainSender, elementor, generic, standard
from services.intake.adapters.senders.post import Sender
from services.intake.adapters.senders.signatures import is_standard_secret, standard_secret, standard_webhook
from services.intake.adapters.senders.typeform import Typeform

KINDS: dict[str, Sender] = {
    "generic": PlainSender(generic),
    "hubspot": HubSpot(),
    "typeform": Typeform(),
    "gravity": PlainSender(gravity),
    "wpforms": PlainSender(generic),
    "elementor": PlainSender(elementor),
    "meta": Meta(),
    "google": Google(),
    "jotform": Jotform(),
    "formstack": Formstack(),
    "callrail": CallRail(),
    "thumbtack": Thumbtack(),
    "contactform7": PlainSender(generic),
    "standard": PlainSender(standard, needs_secret=True, verifies=standard_webhook),
}


def new_secret(kind: str) -> str:
    """One this kind of sender can sign with or show."""
    return standard_secret() if kind == "standard" else token_urlsafe(32)


def fault_of_secret(kind: str, secret: str) -> str | None:
    """Why nothing this kind of sender signs with it could ever be verified, or None."""
    if kind == "standard" and not is_standard_secret(secret):
        return "A secret of Standard Webhooks is whsec_ followed by base64: this one is not."
    return None
