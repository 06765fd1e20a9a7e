"""HTTP about persons and leads: consent, disqualifying, and every point of a score."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from services.intake.use_cases.consents import Said, consents_of, record_consent
from services.intake.use_cases.disqualify import NotMarketings, disqualify_lead
from services.intake.use_cases.persons import NotFound
from services.intake.use_cases.scores import explain_score
from shared.channels import known_channel, purpose_of
from shared.database import Database
from shared.problem import BODY, Problem, problems
from shared.security import KeyRing

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Words = Annotated[str, StringConstraints(max_length=5000, pattern=r"^[^\x00]*$")]


class SaidBody(BaseModel):
    """What a person said. No purpose means every purpose."""

    model_config = ConfigDict(extra="forbid")

    channel: Annotated[Line, AfterValidator(known_channel)]
    purpose: Annotated[Line | None, AfterValidator(purpose_of)] = None
    granted: bool
    text: Words = ""
    reason: Line = "request"
    seller: Line | None = None


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Literal["spam", "wrong_number", "out_of_area", "duplicate", "vendor", "job_seeker", "not_interested", "test"]


def people_routes(keys: KeyRing, database: Database) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["people"], responses=problems(401, 403, 404))
    reader, writer = [Depends(keys.allows("leads:read"))], [Depends(keys.allows("leads:write"))]

    @router.get("/leads/{lead_id}/score", summary="Every point of a lead's score, as decided and as of now", dependencies=reader)
    async def get_score(lead_id: UUID) -> dict[str, Any]:
        async with database.reading() as unit:
            found = await explain_score(unit, lead_id, datetime.now(UTC))
        if found is None:
            raise Problem(404, "There is no lead of this id.")
        return found

    @router.post(
        "/leads/{lead_id}/disqualify", summary="Say that a lead is none", responses=problems(409, *BODY), dependencies=writer
    )
    async def post_disqualify(lead_id: UUID, body: Reason) -> dict[str, Any]:
        try:
            async with database.transaction() as unit:
                await disqualify_lead(unit, lead_id, body.reason, datetime.now(UTC))
        except NotFound as error:
            raise Problem(404, str(error)) from error
        except NotMarketings as error:
            raise Problem(409, str(error)) from error
        return {"lead_id": lead_id, "stage": "disqualified", "reason": body.reason}

    @router.get("/persons/{person_id}/consents", summary="What a person allows now, and the evidence", dependencies=reader)
    async def get_consents(person_id: UUID) -> dict[str, Any]:
        try:
            async with database.reading() as unit:
                return await consents_of(unit, person_id)
        except NotFound as error:
            raise Problem(404, str(error)) from error

    @router.post(
        "/persons/{person_id}/consents",
        status_code=201,
        summary="Write down what a person said about being contacted",
        responses=problems(*BODY),
        dependencies=writer,
    )
    async def post_consent(person_id: UUID, body: SaidBody) -> dict[str, Any]:
        said = Said(body.channel, body.granted, body.purpose, body.text, body.reason, body.seller)
        try:
            async with database.transaction() as unit:
                evidence = await record_consent(unit, person_id, said, source="api", now=datetime.now(UTC))
        except NotFound as error:
            raise Problem(404, str(error)) from error
        return {"id": str(evidence), "person_id": str(person_id)}

    return router
