"""CloudEvents: the fast ways of writing and reading say what the SDK says, and leave every doubt to it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.envelope import MAX_BYTES, PLAIN, Unreadable, from_record, read_by_sdk, read_plain, to_record
from shared.events import INTAKE, LeadMerged, LeadTouched

LEAD = "01a20dc7-5a75-70ac-a800-894d64175f28"
AT = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
EVENT = LeadMerged(lead_id=LEAD, person_id=LEAD, into=LEAD)
HEADERS: dict[str, bytes] = {
    "ce_specversion": b"1.0",
    "ce_id": b"one",
    "ce_source": b"/test",
    "ce_type": EVENT.TYPE.encode(),
    "ce_time": b"2026-11-24T12:00:00.123456Z",
    "ce_subject": LEAD.encode(),
    "ce_partitionkey": LEAD.encode(),
    "content-type": b"application/json",
}
BENT: list[list[tuple[str, bytes]]] = [
    *([pair for pair in HEADERS.items() if pair[0] != name] for name in HEADERS),
    *([*HEADERS.items(), (name, b"again")] for name in HEADERS),
    *([(name, b"" if name == empty else content) for name, content in HEADERS.items()] for empty in HEADERS),
    *([(name, b"\xff\x00" if name == bad else content) for name, content in HEADERS.items()] for bad in HEADERS),
    *([(name.upper() if name == loud else name, content) for name, content in HEADERS.items()] for loud in HEADERS),
    *(
        [*HEADERS.items(), extra]
        for extra in [("ce_bad-name", b"x"), ("ce_Other", b"x"), ("Content-Type", b"text/plain"), ("x", b"y"), ("CE_ID", b"2")]
    ),
    *(
        [(name, at if name == "ce_time" else content) for name, content in HEADERS.items()]
        for at in [
            b"2026-11-24T12:00:00Z", b"2026-11-24T12:00:00.5+02:00", b"2026-11-24T24:00:00Z", b"2026-11-24T12:00:60Z",
            b"2026-11-24 12:00:00Z", b"20261124T120000Z", b"2026-11-24T12:00:00", b"2026-13-24T12:00:00Z", b"2026-11-24",
            b"2026-11-24T12:00:00,5Z", b"2026-11-24T12:00:00.1234567Z", b"2026-W48-2T12:00:00Z", b"soon", b"2026-11-24T12:00Z",
        ]
    ),
    *(
        [(name, kind if name == "content-type" else content) for name, content in HEADERS.items()]
        for kind in [b"application/json; charset=utf-8", b"APPLICATION/JSON", b"text/xml", b"application/cloudevents+json"]
    ),
]  # fmt: skip


@pytest.mark.parametrize("headers", BENT)
def test_what_is_read_plainly_is_what_the_sdk_reads(headers: list[tuple[str, bytes]]) -> None:
    plain = read_plain(headers, b"{}")
    if plain is not None:
        assert plain == read_by_sdk(headers, b"{}")


def test_what_we_write_is_read_plainly() -> None:
    record = to_record(EVENT, key=LEAD, source="/intake", at=AT)
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    plain = read_plain([*headers, ("ce_sequence", b"7"), ("traceparent", b"x")], record.value)
    assert plain is not None
    assert plain == read_by_sdk(headers, record.value)


@pytest.mark.parametrize("at", [AT, AT.replace(microsecond=0), AT.astimezone(timezone(timedelta(hours=5, minutes=30)))])
def test_what_is_written_is_what_the_sdk_writes(at: datetime) -> None:
    attributes: dict[str, Any] = {
        "id": "one", "source": "/intake", "type": EVENT.TYPE, "specversion": "1.0", "time": at,
        "subject": LEAD, "partitionkey": LEAD, "datacontenttype": "application/json",
    }  # fmt: skip
    theirs = to_binary(CloudEvent(attributes, EVENT.model_dump(mode="json")), JSONFormat())
    ours = to_record(EVENT, key=LEAD, source="/intake", at=at, event_id="one")
    assert {name: value.encode() for name, value in ours.headers.items()} == theirs.headers
    assert set(ours.headers) <= PLAIN


def test_an_event_without_a_key_or_a_zone_or_too_large_is_not_written() -> None:
    with pytest.raises(ValueError, match="key"):
        to_record(EVENT, key="", source="/intake", at=AT)
    with pytest.raises(ValueError, match="zone"):
        to_record(EVENT, key=LEAD, source="/intake", at=AT.replace(tzinfo=None))
    long = LeadTouched(lead_id=LEAD, person_id=LEAD, form="api", message="", received_at=AT)
    long = long.model_copy(update={"message": "x" * MAX_BYTES})
    with pytest.raises(ValueError, match="allowed"):
        to_record(long, key=LEAD, source="/intake", at=AT)


def test_a_type_nobody_wants_is_not_even_read() -> None:
    headers = list(HEADERS.items())
    assert from_record(topic=INTAKE, key=LEAD.encode(), headers=headers, value=b"not json", wanted=[LeadTouched]) is None
    with pytest.raises(Unreadable):
        from_record(topic=INTAKE, key=LEAD.encode(), headers=headers, value=b"not json", wanted=[LeadMerged])


@pytest.mark.parametrize("where", ["key", "ce_id", "ce_source"])
def test_a_name_no_database_can_keep_is_unreadable(where: str) -> None:
    headers = [(name, b"a\x00b" if name == where else content) for name, content in HEADERS.items()]
    key = b"a\x00b" if where == "key" else LEAD.encode()
    with pytest.raises(Unreadable):
        from_record(topic=INTAKE, key=key, headers=headers, value=EVENT.model_dump_json().encode())
