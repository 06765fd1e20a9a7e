"""After a restore from a backup: what came since is read again, and what is told gets numbers above all told before."""

from collections.abc import Sequence
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from shared.database import Transaction
from shared.kafka import connection
from shared.settings import LocalSettings

# Readers drop a `ce_sequence` they have passed. The microseconds of today are above any number a sequence counted to.
_ABOVE_ALL = """
SELECT setval(s.name, greatest(nextval(s.name), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint))
FROM pg_get_serial_sequence('outbox', 'seq') AS s(name)"""


class StillRuns(Exception):
    """A replica of the service reads these topics: its places cannot be moved under it."""


async def count_above_all(unit: Transaction) -> int:
    """From now on events are numbered above all that were told before. Returns the number."""
    return int(await unit.value(_ABOVE_ALL))


async def read_again(settings: LocalSettings, group: str, topics: Sequence[str], since: datetime) -> int:
    """Set a group's places back to a moment; what the database knows is skipped. Returns how many events lie after it.

    Raises StillRuns.
    """
    places, left = await _places(settings, topics, since)
    member = AIOKafkaConsumer(**connection(settings), group_id=group, enable_auto_commit=False)
    try:
        await member.start()
        member.assign(list(places))
        await member.commit(places)
    except CommitFailedError as error:  # the group has members
        raise StillRuns from error
    finally:
        await member.stop()
    return left


async def _places(settings: LocalSettings, topics: Sequence[str], since: datetime) -> tuple[dict[TopicPartition, int], int]:
    """Of every partition the place of that moment, and how many events lie after them all."""
    reader = AIOKafkaConsumer(*topics, **connection(settings), enable_auto_commit=False)
    try:
        await reader.start()
        partitions = list(reader.assignment())  # no group: all of them
        found = await reader.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
        ends = await reader.end_offsets(partitions)
        places = {one: found[one].offset if found[one] else ends[one] for one in partitions}
        return places, sum(ends[one] - place for one, place in places.items())
    finally:
        await reader.stop()
