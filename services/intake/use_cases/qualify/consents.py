"""What a submission says about consent: evidence rows, and events where lead.qualified does not carry it."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.intake.domain.consent import Answer, is_taken_back, told_of
from services.intake.use_cases.qualify.batch import Batch
from shared import events
from shared.channels import channel_of, purpose_of

EVIDENCE = ("page_url", "ip", "user_agent", "form_version")


def note_consents(batch: Batch, row: Any, person_id: UUID, lead_id: UUID, *, published: bool) -> None:
    """`published`: the lead is qualified with this submission, so that its grants travel there. A grant that was taken back
    since is evidence, and told to nobody."""
    for said in row["content"]["consents"]:
        answer = answer_of(row, said)
        batch.consents.append(_evidence(row, said, answer, person_id))
        if row["test"]:
            continue
        if not answer.granted:
            about = {"channel": answer.channel, "purpose": answer.purpose}
            batch.outgoing.append(events.ConsentRevoked(person_id=person_id, lead_id=lead_id, reason="said so", **about))
        elif not published and not is_taken_back(answer, batch.answers.get(person_id, [])):
            granted = events.ConsentGranted(lead_id=lead_id, person_id=person_id, consent=consent_event(answer))
            batch.outgoing.append(granted)


def remember(batch: Batch, row: Any, person_id: UUID) -> None:
    """For the next submission of this batch."""
    said = [answer_of(row, one) for one in row["content"]["consents"]]
    if said:
        batch.answers[person_id] = [*batch.answers.get(person_id, []), *said]


def answer_of(row: Any, said: dict[str, Any]) -> Answer:
    channel, purpose = channel_of(said["channel"]), purpose_of(said["purpose"])
    return Answer(channel, purpose, said["granted"], said["text"], told_of(_asked(row, said)))


def consent_event(answer: Answer) -> events.Consent:
    return events.Consent(
        channel=answer.channel, purpose=answer.purpose, granted=answer.granted, text=answer.text, **answer.evidence
    )


def _evidence(row: Any, said: dict[str, Any], answer: Answer, person_id: UUID) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "person_id": person_id,
        "lead_id": row["id"],
        **{name: getattr(answer, name) for name in ("channel", "purpose", "granted", "text")},
        "source": "submission",
        **_asked(row, said),
    }


def _asked(row: Any, said: dict[str, Any]) -> dict[str, Any]:
    """In which words, where and when."""
    around = row["content"].get("evidence") or {}
    return {
        "text_sha256": digest_of(said["text"]),
        "text_version": said.get("version"),
        "checkbox": said.get("checkbox"),
        "seller": said.get("seller"),
        "form": row["form"],
        **{name: around.get(name) for name in EVIDENCE},
        "at": row["received_at"],
    }


def digest_of(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
