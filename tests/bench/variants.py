"""What the shipped intake is measured against: python -m tests.bench.variants NAME PORT.

no_db: the shipped endpoint, whose store answers at once. plain: FastAPI with EmailStr and phonenumbers.
sqlmodel: the same with a SQLModel session per request and send_and_wait to Kafka.
"""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import phonenumbers
import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import AfterValidator, BaseModel, EmailStr
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.intake import api
from services.intake.domain import forms
from services.intake.domain.submissions import Submission
from services.intake.main import MIGRATIONS, build_guard
from services.intake.settings import Settings
from services.intake.store.receipts import Captured
from services.intake.use_cases import answers
from services.intake.use_cases.capture import Capture
from services.intake.use_cases.form_book import FormBook
from shared.group_commit import GroupCommit
from shared.patience import PatientProtocol
from shared.service import Service

NAMES = ("first_name", "last_name", "phone", "email", "postal_code", "selection", "message")
API = forms.Form("api", "Leads from software", tuple(forms.Field(name, name) for name in NAMES), one_of=("email", "phone"))


def no_db() -> FastAPI:
    async def write(items: list[Submission]) -> list[Captured]:
        return [Captured(item.lead_id) for item in items]

    queue: GroupCommit[Submission, Captured] = GroupCommit(write)
    capture = Capture("US", queue)

    settings = Settings(database_url="postgresql://nowhere/x")
    service = Service(settings, MIGRATIONS, title="no database", description="Its store keeps nothing.")
    answers.install(service.app)
    api.add_routes(
        service.app,
        settings,
        capture,
        FormBook.fixed(API),
        build_guard(settings, service.database, capture),
        service.database,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(queue.run())
        yield
        task.cancel()

    service.app.router.lifespan_context = lifespan
    return service.app


def _phone(value: str) -> str:
    number = phonenumbers.parse(value, "US")
    if not phonenumbers.is_valid_number(number):
        raise ValueError("This isn't a valid phone number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class PlainLead(BaseModel):
    first_name: str
    last_name: str
    email: EmailStr
    phone: Annotated[str, AfterValidator(_phone)]
    selection: str
    message: str


class Answer(BaseModel):
    lead_id: UUID
    status: str


class Row(SQLModel, table=True):
    __tablename__ = "bench_lead"

    id: UUID = Field(primary_key=True)
    content: dict[str, Any] = Field(sa_type=JSONB)


def plain() -> FastAPI:
    app = FastAPI()

    @app.post("/v1/leads", status_code=202)
    async def post(lead: PlainLead) -> Answer:
        return Answer(lead_id=uuid4(), status="received")

    return app


def sqlmodel() -> FastAPI:
    engine = create_async_engine(os.environ["BENCH_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1))
    producer: Any = None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal producer
        producer = AIOKafkaProducer(bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"], acks="all")
        await producer.start()
        async with engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all, tables=[SQLModel.metadata.tables["bench_lead"]])
        yield
        await producer.stop()
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/leads", status_code=202)
    async def post(lead: PlainLead) -> Answer:
        lead_id = uuid4()
        row = Row(id=lead_id, content=lead.model_dump(mode="json") | {"at": datetime.now(UTC).isoformat()})
        async with AsyncSession(engine) as session:
            session.add(row)
            await session.commit()
            await producer.send_and_wait("intake.leads.v1.followup.dlq", lead.model_dump_json().encode())
            return Answer(lead_id=lead_id, status="received")

    return app


if __name__ == "__main__":
    name = sys.argv[1]
    app = {"no_db": no_db, "plain": plain, "sqlmodel": sqlmodel}[name]()
    gc.freeze()  # as the shipped service does: a few per cent
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http=PatientProtocol if name == "no_db" else HttpToolsProtocol,
        access_log=False,
        log_level="warning",
    )
