"""Creates the topics, with their dead letter topics: python -m shared.topics. Safe to run again."""

import asyncio
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.events import CRM, FOLLOWUP, HANDOFF, INTAKE
from shared.kafka import connection
from shared.settings import LocalSettings

DAY = 86_400_000
READERS = {
    INTAKE: ("handoff", "followup"),
    HANDOFF: ("intake", "followup"),
    FOLLOWUP: ("intake", "handoff"),
    CRM: ("handoff",),
}
RETENTION = {INTAKE: 7 * DAY, HANDOFF: 7 * DAY, FOLLOWUP: -1, CRM: 7 * DAY}


def dead_letter_topic(topic: str, reader: str) -> str:
    return f"{topic}.{reader}.dlq"


def all_topics() -> dict[str, int]:
    """Every topic and its retention in milliseconds; -1 is for ever."""
    letters = {dead_letter_topic(topic, reader): 30 * DAY for topic, readers in READERS.items() for reader in readers}
    return RETENTION | letters


async def create_topics(settings: LocalSettings) -> None:
    """Create what is missing. The partition count is never changed afterwards: it decides where a key lives."""
    admin = AIOKafkaAdminClient(**connection(settings), request_timeout_ms=20_000)
    await admin.start()
    try:
        durable = {"min.insync.replicas": str(max(1, settings.topic_replicas - 1))}
        wanted = [
            NewTopic(
                name=name,
                num_partitions=1 if name.endswith(".dlq") else settings.topic_partitions,
                replication_factor=settings.topic_replicas,
                topic_configs={"retention.ms": str(retention), "unclean.leader.election.enable": "false", **durable}
                | ({"segment.ms": str(DAY)} if retention > 0 else {})  # only whole segments are forgotten
                | ({"max.message.bytes": "2097152"} if name.endswith(".dlq") else {}),  # a letter is the record and its reason
            )
            for name, retention in all_topics().items()
        ]
        answer = await admin.create_topics(wanted)
        for topic, code, *_ in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(topic)
    finally:
        await admin.close()


def main() -> int:
    settings = LocalSettings()
    try:
        asyncio.run(create_topics(settings))
    except KafkaError as error:
        where = settings.kafka_bootstrap_servers
        print(f"The topics could not be made on {where} ({error}). Is Kafka running there?", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
