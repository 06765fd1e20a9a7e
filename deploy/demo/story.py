"""What happens in the demo: nine posts, two of them won, and everything that follows."""

import asyncio
import csv
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.errors import LocalError
from deploy.local.system import System
from shared import events
from shared.envelope import from_record, to_record

ADA = {"first_name": "Ada", "last_name": "Byron", "phone": "(419) 555-2001", "email": "ada@example.net", "postal_code": "43604"}
FORM_LEAD = {**ADA, "selection": "estimate", "message": "The kitchen tap drips, and the shut-off valve under it is stuck."}
GRACE = {"first_name": "Grace", "last_name": "Hopper", "phone": "+1 419 555 2002", "email": "grace@example.net"}
EMERGENCY = {**GRACE, "postal_code": "43606", "selection": "emergency", "message": "Water is coming through the ceiling!"}
SPAM = {"first_name": "Best", "last_name": "Offers", "email": "win@example.com", "message": "Cheap!", "_gotcha": "yes"}
BAD_PHONE = {
    "first_name": "Mary",
    "last_name": "Anning",
    "email": "mary@example.org",
    "phone": "555-12",
    "selection": "maintenance",
}
MAINTENANCE = {
    **BAD_PHONE,
    "phone": "419-555-2003",
    "selection": "maintenance",
    "message": "The furnace wants a look.",
}
FAR_AWAY = {
    "first_name": "Jean",
    "last_name": "Bartik",
    "email": "jean@example.org",
    "postal_code": "90210",
    "selection": "estimate",
}
SECOND_NEED = {**ADA, "selection": "maintenance", "message": "And could you look after the water heater?"}
QUESTION = {"first_name": "Emmy", "last_name": "Noether", "email": "emmy@example.org", "selection": "question"}


class Story:
    """Tells the story and remembers what it saw; every step that does not happen is a LocalError."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.http = httpx.AsyncClient(timeout=10, headers={"Authorization": f"Bearer {system.api_key}"})
        self.answers: list[tuple[str, str]] = []
        self.leads: dict[str, str] = {}
        self.records: list[events.Event] = []
        self.reps: dict[str, str] = {}

    async def tell(self) -> None:
        await self._add_reps()
        await self._raise_hands()
        for name in ("Ada", "Grace"):
            await self._sell(self.leads[name])
        await self._see_everything()

    async def _add_reps(self) -> None:
        with Path(__file__).with_name("reps.csv").open(newline="") as opened:
            for rep in csv.DictReader(opened):
                answer = await self.http.post(self._handoff("/v1/reps"), json=rep)
                answer.raise_for_status()
                self.reps[answer.json()["id"]] = rep["name"]

    async def _raise_hands(self) -> None:
        form = await self.http.post(self._intake("/f/contact"), data=FORM_LEAD)
        self._answered("web form, Ada wants an estimate", form, 303)
        repeat = await self._post("the same again, a double click", FORM_LEAD | {"form": "contact"}, 202)
        self.leads["Ada"] = repeat["lead_id"]
        self.leads["Grace"] = (await self._post("API, an emergency", EMERGENCY, 202))["lead_id"]
        self.leads["(spam)"] = (await self._post("a robot fills the hidden field", SPAM, 202))["lead_id"]
        await self._post("a number that cannot be", BAD_PHONE, 422)
        self.leads["Mary"] = (await self._post("... and corrected", MAINTENANCE, 202))["lead_id"]
        self.leads["Jean"] = (await self._post("from outside our area", FAR_AWAY, 202))["lead_id"]
        self.leads["Ada, again"] = (await self._post("Ada has a second need", SECOND_NEED, 202))["lead_id"]
        self.leads["Emmy"] = (await self._post("just a question", QUESTION, 202))["lead_id"]

    async def _post(self, what: str, lead: dict[str, str], status: int) -> dict[str, Any]:
        answer = await self.http.post(self._intake("/v1/leads"), json=lead)
        self._answered(what, answer, status)
        body: dict[str, Any] = answer.json()
        return body

    def _answered(self, what: str, answer: httpx.Response, status: int) -> None:
        if answer.status_code != status:
            raise LocalError(f"{what}: answered {answer.status_code} instead of {status}: {answer.text[:300]}")
        sentence = f" {answer.json()['detail']}" if status == 422 else ""
        self.answers.append((what, f"{status}{sentence}"))

    async def _sell(self, lead_id: str) -> None:
        """A rep accepts over HTTP; the CRM reports won and the job done over Kafka."""
        assignment = await self._until(lambda: self._assignment(lead_id), "an offer")
        answer = await self.http.post(self._handoff(f"/v1/assignments/{assignment['assignment_id']}/accept"))
        answer.raise_for_status()
        now = datetime.now(UTC)
        won = events.OutcomeWon(lead_id=lead_id, amount="1250.00", currency="USD")
        job = events.JobCompleted(lead_id=lead_id, job_id=f"job-{lead_id[-4:]}", trade="plumbing", completed_on=now.date())
        producer = AIOKafkaProducer(bootstrap_servers=self.system.environment["KAFKA_BOOTSTRAP_SERVERS"], acks="all")
        await producer.start()
        try:
            for event in (won, job):
                record = to_record(event, key=lead_id, source="/crm/demo", at=now)
                headers = [(name, value.encode()) for name, value in record.headers.items()]
                await producer.send_and_wait(events.CRM, record.value, key=lead_id.encode(), headers=headers)
        finally:
            await producer.stop()

    async def _assignment(self, lead_id: str) -> Any:
        answer = await self.http.get(self._handoff("/v1/assignments"), params={"lead_id": lead_id})
        return next(iter(answer.json().get("items", [])), None)

    async def _see_everything(self) -> None:
        """Every step, seen on Kafka: offers for all that qualified, clients, and the thank-you mails."""
        wanted = {
            events.LeadOpened: {"Ada", "Grace", "Mary", "Ada, again", "Emmy", "Jean"},
            events.LeadQualified: {"Ada", "Grace", "Mary", "Ada, again", "Emmy"},
            events.AssignmentOffered: {"Ada", "Grace", "Mary", "Ada, again", "Emmy"},
            events.LeadDisqualified: {"Jean"},
            events.AssignmentAccepted: {"Ada", "Grace"},
            events.LeadWon: {"Ada", "Grace"},
            events.JobCompleted: {"Ada", "Grace"},
            events.ClientCreated: {"Ada", "Grace"},
            events.TouchSent: {"Ada", "Grace"},
        }

        async def all_seen() -> bool:
            self.records = await self._read_topics()
            seen = {(type(event), str(getattr(event, "lead_id", ""))) for event in self.records}
            return all((kind, self.leads[name]) in seen for kind, names in wanted.items() for name in names)

        await self._until(all_seen, "every step on Kafka")
        person_of = {str(event.lead_id): event.person_id for event in self.records if isinstance(event, events.LeadOpened)}
        if person_of[self.leads["Ada"]] != person_of[self.leads["Ada, again"]]:
            raise LocalError("Ada's second need was not recognised as hers.")

        async def all_mailed() -> bool:
            thanked = {mail["to"] for mail in await self.mails() if mail["subject"].startswith("Thank you")}
            clients = (ADA["email"], GRACE["email"])
            return all(any(client in to for to in thanked) for client in clients) and await self._facts() >= 2

        await self._until(all_mailed, "the thank-you mails")

    async def _facts(self) -> int:
        journeys = [await self.journey(self.leads[name]) for name in ("Ada", "Grace")]
        return sum(any(step["type"] == events.TouchSent.TYPE for step in journey["journey"]) for journey in journeys)

    async def _read_topics(self) -> list[events.Event]:
        consumer = AIOKafkaConsumer(
            *(events.INTAKE, events.HANDOFF, events.FOLLOWUP),
            bootstrap_servers=self.system.environment["KAFKA_BOOTSTRAP_SERVERS"],
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            found: list[events.Event] = []
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    read = [from_record(topic=r.topic, key=r.key, headers=r.headers, value=r.value) for r in records]
                    found += [one.event for one in read if one]
            return found
        finally:
            await consumer.stop()

    async def journey(self, lead_id: str) -> dict[str, Any]:
        body: dict[str, Any] = (await self.http.get(self._handoff(f"/v1/leads/{lead_id}"))).json()
        return body

    async def text_of(self, mail: dict[str, Any]) -> str:
        raw = await self.http.get(f"http://127.0.0.1:{self.system.ports.mail_page}/api/messages/{mail['id']}")
        body = message_from_bytes(raw.content, _class=EmailMessage, policy=policy.default).get_body(("plain",))
        return str(body.get_content()) if body else ""

    async def mails(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get(f"http://127.0.0.1:{self.system.ports.mail_page}/api/messages")).json()
        return found

    async def ledger(self) -> dict[str, Any]:
        body: dict[str, Any] = (await self.http.get(self._intake("/v1/ledger"))).json()["leads"]
        return body

    async def calendar(self, client_id: str) -> list[dict[str, Any]]:
        url = f"{self.system.url('followup')}/v1/clients/{client_id}/calendar"
        touches: list[dict[str, Any]] = (await self.http.get(url)).json()["touches"]
        return touches

    async def _until(self, look: Callable[[], Awaitable[Any]], what: str, seconds: float = 30) -> Any:
        try:
            async with asyncio.timeout(seconds):
                while not (found := await look()):
                    self.system.must_run()
                    await asyncio.sleep(0.05)
                return found
        except TimeoutError as error:
            raise LocalError(f"The demo waited {seconds:.0f} s for {what} and did not see it.") from error

    def _intake(self, path: str) -> str:
        return self.system.url("intake") + path

    def _handoff(self, path: str) -> str:
        return self.system.url("handoff") + path
