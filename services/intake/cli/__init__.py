"""The commands of intake."""

from services.intake import consumer
from services.intake.cli import campaigns, endpoints, forms, leads, persons, quarantine, reviews
from services.intake.main import MIGRATIONS, build
from services.intake.settings import Settings
from shared.commands import service_commands

main = service_commands("intake", Settings, build, MIGRATIONS, topics=consumer.TOPICS)
for commands in (
    forms.forms,
    endpoints.endpoints,
    quarantine.quarantine,
    persons.persons,
    reviews.reviews,
    leads.leads,
    leads.rescore,
    campaigns.campaigns,
):
    main.add_command(commands)
