"""The commands of followup."""

from services.followup import consumer
from services.followup.main import MIGRATIONS, build
from services.followup.settings import Settings
from shared.commands import service_commands

main = service_commands("followup", Settings, build, MIGRATIONS, topics=consumer.TOPICS)
