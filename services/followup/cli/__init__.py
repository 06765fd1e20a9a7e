"""The commands of followup: those every service has, and a file per group of its own."""

from services.followup import consumer
from services.followup.cli.audit import audit
from services.followup.cli.clients import clients, preview_command, why_command
from services.followup.cli.letters import letters
from services.followup.cli.plans import plan
from services.followup.cli.suppressions import suppressions
from services.followup.main import MIGRATIONS, build
from services.followup.settings import Settings
from shared.commands import service_commands

main = service_commands("followup", Settings, build, MIGRATIONS, topics=consumer.TOPICS)
for one in (plan, clients, preview_command, why_command, suppressions, audit, letters):
    main.add_command(one)
