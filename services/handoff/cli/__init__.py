"""The commands of handoff: those every service has, and a file per group of its own."""

from services.handoff import consumer
from services.handoff.cli.agreement import agreement
from services.handoff.cli.decisions import explain, verify
from services.handoff.cli.reps import reps
from services.handoff.cli.scoreboard import scoreboard
from services.handoff.main import MIGRATIONS, build
from services.handoff.settings import Settings
from shared.commands import service_commands

main = service_commands("handoff", Settings, build, MIGRATIONS, topics=consumer.TOPICS)
for one in (reps, agreement, explain, verify, scoreboard):
    main.add_command(one)
