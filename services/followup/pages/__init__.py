"""Pages behind the links in our messages: without JavaScript, on any telephone. Looking changes nothing."""

from fastapi import FastAPI

from services.followup.pages.relationship import relationship_routes
from services.followup.pages.tokens import Links
from services.followup.pages.unsubscribe import unsubscribe_routes
from services.followup.use_cases.consent import Addresses
from services.followup.use_cases.pauses import Pauses
from shared.database import Database
from shared.signing import Signer


def add_routes(app: FastAPI, database: Database, signer: Signer, addresses: Addresses, pauses: Pauses, *, texts: bool) -> None:
    """`texts`: whether anything carries texts, so that a client can choose them."""
    links = Links(signer)
    app.include_router(unsubscribe_routes(database, links, addresses, pauses, texts=texts))
    app.include_router(relationship_routes(database, links, addresses, pauses))
