"""aiokafka as we use it. Every setting here avoids a measured bug or pause; see docs/decisions/0002-kafka-client.md."""

import ssl
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer import fetcher
from aiokafka.record import memory_records
from aiokafka.record.default_records import _DefaultRecordBatchPy

from shared.settings import LocalSettings


def connection(settings: LocalSettings) -> dict[str, Any]:
    """Where the cluster is and how to sign in."""
    secure = settings.kafka_security_protocol.endswith("SSL")
    sasl = settings.kafka_security_protocol.startswith("SASL")
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": ssl.create_default_context() if secure else None,
        **(
            {
                "sasl_mechanism": settings.kafka_sasl_mechanism,
                "sasl_plain_username": settings.kafka_sasl_username,
                "sasl_plain_password": settings.kafka_sasl_password,
            }
            if sasl
            else {}
        ),
    }


def make_producer(settings: LocalSettings) -> AIOKafkaProducer:
    """Not idempotent on purpose: order holds without it; with it, a leaderless spell breaks the producer for good."""
    return AIOKafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=False,
        linger_ms=0,
        max_batch_size=524_288,
        max_request_size=2_097_152,  # what a stranger wrote is given back whole, with what was wrong with it
        request_timeout_ms=10_000,
        compression_type="zstd",
        metadata_max_age_ms=30_000,
    )


def make_consumer(settings: LocalSettings, *, group: str, patient: bool = False) -> AIOKafkaConsumer:
    """`earliest` (or events before the first assignment are lost), one assignor, offsets committed by hand.

    `patient`: the broker collects for a quarter of a second before it answers, which costs a fraction of an answer per event.
    """
    return AIOKafkaConsumer(
        **connection(settings),
        group_id=group,
        group_instance_id=settings.kafka_instance_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",  # CRMs may publish in transactions
        fetch_min_bytes=65_536 if patient else 1,
        fetch_max_wait_ms=250,
        fetch_max_bytes=2_097_152,  # what waits in memory while a batch is applied; no record is larger than 256 KiB
        max_partition_fetch_bytes=262_144,
        max_poll_records=500,
        session_timeout_ms=10_000,  # the pause of the group after a kill -9
        heartbeat_interval_ms=1_000,
        rebalance_timeout_ms=60_000,
        max_poll_interval_ms=300_000,
        metadata_max_age_ms=30_000,
        request_timeout_ms=15_000,
        retry_backoff_ms=100,
    )


class _Name(bytearray):
    def decode(self, *_: Any) -> str:
        return super().decode("utf-8", "replace")


class _Bytes(bytearray):
    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Name(found) if isinstance(at, slice) else found


class _AnyName(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's plain reader, for which the name of a header need not be UTF-8."""

    def __iter__(self) -> Any:
        super().__iter__()
        self._buffer: bytearray = _Bytes(self._buffer)
        return self


def read_any_name() -> bool:
    """The broker takes a header whose name is not UTF-8, and aiokafka stops at it for ever: read such names too from now on.

    That reader is slower, so it is used once one was met. Returns whether it was not used before.
    """
    before = memory_records.DefaultRecordBatch
    memory_records.DefaultRecordBatch, fetcher.MemoryRecords = _AnyName, memory_records._MemoryRecordsPy
    return before is not _AnyName
