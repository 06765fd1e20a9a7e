"""Everybody who sends us leads: kind -> how it proves itself and how its payload reads."""

from services.intake.adapters.senders.form_builders import Formstack, Jotform
from services.intake.adapters.senders.google import Google
from services.intake.adapters.senders.gravity import gravity
from services.intake.adapters.senders.hubspot import HubSpot
from services.intake.adapters.senders.marketplaces import CallRail, Thumbtack
from services.intake.adapters.senders.meta import Meta
from services.intake.adapters.senders.plain_posts import PlainSender, elementor, generic, standard
from services.intake.adapters.senders.post import Sender
from services.intake.adapters.senders.signatures import standard_webhook
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
