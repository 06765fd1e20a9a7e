"""What a decision says on the topic."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.intake.domain.consent import Answer, said_and_revoked
from services.intake.domain.qualification import Verdict
from services.intake.domain.scoring import Score
from services.intake.use_cases.qualify.consents import answer_of, consent_event
from services.intake.use_cases.terms import Agreed
from shared import events

CONTACT = ("first_name", "last_name", "email", "phone", "postal_code")


def opened(row: Any, person_id: UUID, *, campaign: str | None, first_campaign: str) -> events.Event:
    content = row["content"]
    return events.LeadOpened(
        lead_id=row["id"],
        person_id=person_id,
        form=row["form"],
        selection=content["fields"].get("selection", ""),
        test=row["test"],
        received_at=row["received_at"],
        attribution=content["attribution"],
        source=content["attribution"].get("utm_source", "")[:200],
        campaign=campaign or "",
        first_campaign=first_campaign,
    )


def contact_of(fields: Mapping[str, Any]) -> events.Contact:
    return events.Contact(**{name: fields[name] for name in CONTACT if name in fields})


def verdict_event(
    agreed: Agreed,
    lead: Mapping[str, Any],
    row: Any,
    verdict: Verdict,
    score: Score,
    first_touch: dict[str, str],
    earlier: Sequence[Answer],
    promises: Mapping[str, str],
) -> events.Event:
    """Qualified, nurturing or disqualified. What was said of consent comes with what the person revoked before."""
    who: dict[str, Any] = {"lead_id": lead["id"], "person_id": lead["person_id"], "agreement": agreed.hash}
    if verdict.stage == "disqualified":
        return events.LeadDisqualified(**who, reason=verdict.reason or "not a lead", referral=agreed.referral)
    if verdict.stage == "nurturing":
        return events.LeadNurturing(**who, score=score.score)
    content = row["content"]
    fields = content["fields"]
    said = said_and_revoked([answer_of(row, one) for one in content["consents"]], earlier)
    return events.LeadQualified(
        **who,
        form=row["form"],
        selection=fields.get("selection", ""),
        message=fields.get("message", ""),
        answers=content.get("answers", {}),
        external_id=content.get("external_id"),
        test=bool(content.get("test")),
        promise=promises.get(lead["campaign"] or ""),
        referred_by=content.get("referred_by"),
        tier=verdict.tier,
        score=score.score,
        grade=score.grade,
        received_at=row["received_at"],
        contact=contact_of(fields),
        attribution=content["attribution"],
        first_touch=first_touch,
        consents=[consent_event(one) for one in said],
    )
