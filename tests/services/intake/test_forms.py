"""A form is data: what it asks, what it refuses, and how a change of it is seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.intake.adapters.contact_details import bare_email, e164
from services.intake.adapters.form_files import FormRefused, read_file
from services.intake.adapters.requests import return_to
from services.intake.domain.forms import check_fields
from services.intake.settings import Settings
from services.intake.store import forms as store
from services.intake.use_cases.form_book import FormBook
from shared.database import Database

SPRING = """
key = "spring"
title = "Get a free estimate"
one_of = ["email", "phone"]
origins = ["https://www.maple.example"]
return_urls = ["https://www.maple.example/thanks", "https://shop.maple.example"]
region = "GB"

[[fields]]
name = "email"
label = "Email"

[[fields]]
name = "phone"
label = "Phone"

[[fields]]
name = "boiler"
label = "Which boiler?"
required = true
choices = [{ value = "gas", label = "Gas" }, { value = "oil", label = "Oil" }]

[[consents]]
name = "texts"
channel = "sms"
purpose = "marketing"
text = "Text me offers."
version = "1"
"""


def errors_of(values: dict[str, Any], text: str = SPRING) -> list[tuple[str, str]]:
    form = read_file(text).read()
    _, errors = check_fields(form, values, phone=lambda one: e164(one, form.region or "US"), email=bare_email)
    return [(error.field, error.code) for error in errors]


def test_an_own_form_asks_its_own_questions() -> None:
    assert errors_of({"phone": "020 7946 0018", "boiler": "gas"}) == []
    assert errors_of({"phone": "419 555 2001", "boiler": "gas"}) == [("phone", "invalid")], "the region is British"
    assert errors_of({"phone": "020 7946 0018"}) == [("boiler", "required")]
    assert errors_of({"phone": "020 7946 0018", "boiler": "wood"}) == [("boiler", "invalid")]
    assert errors_of({"boiler": "oil"}) == [("email", "required")]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('version = "1"', 'version = "1"\nchecked = true'), "ticked beforehand"),
        (('title = "Get a free estimate"', ""), "title"),
        (('"https://www.maple.example"]', '"http://www.maple.example"]'), "origin"),
        (('"https://www.maple.example"]', '"https://straße.example"]'), "origin"),
        (('"https://shop.maple.example"', '"javascript:alert(1)"'), "return address"),
        (('name = "boiler"', 'name = "phone"'), "name of its own"),
        (('key = "spring"', 'key = "../spring"'), "key"),
        (('one_of = ["email", "phone"]', 'one_of = ["fax"]'), "one_of"),
        (('channel = "sms"', 'channel = "pigeon"'), "channel"),
        (('name = "boiler"', 'name = "Message"'), "please write `message`"),
        (('region = "GB"', 'region = "UK"'), "`UK` is no country of phone numbers"),
        (('region = "GB"', 'region = "us"'), "`us` is no country of phone numbers"),
        (('title = "Get a free estimate"', 'titel = "x"'), "titel"),
        *(
            (('name = "boiler"', f'name = "{name}"'), f"fields.2.name: `{name}` {why}")
            for name, why in (
                ("test", "means something to intake itself"),
                ("consents", "means"),
                ("form", "means"),
                ("attribution", "means"),
                ("external_id", "means"),
                ("bot-field", "means"),
                ("referrer", "says where a person came from"),
                ("utm_source", "says"),
                ("debug", "is what form services send along"),
                ("retURL", "is"),
            )
        ),
    ],
)
def test_the_linter_refuses_a_form_with_a_sentence(change: tuple[str, str], says: str) -> None:
    assert change[0] in SPRING
    with pytest.raises(FormRefused) as refused:
        read_file(SPRING.replace(*change))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("https://www.maple.example/thanks", True),
        ("https://WWW.maple.example:443/thanks", False),
        ("https://SHOP.maple.example:443/any", True),
        ("https://www.maple.example/thanks?a=b", True),
        ("https://shop.maple.example/any/page", True),
        ("/f/spring/thanks?x", True),
        ("https://www.maple.example/other", False),
        ("http://shop.maple.example/", False),
        ("https://shop.maple.example.evil.example/", False),
        ("https://shop.maple.example@evil.example/", False),
        ("https://shop.maple.example\\@evil.example/", False),
        ("https:shop.maple.example", False),
        ("//shop.maple.example/", False),
        ("/\t/evil.example", False),
        ("https://shop.maple.example:8443/", False),
        ("https://shop.maple.example/\r\nX: y", False),
    ],
)
def test_people_are_sent_only_where_the_form_allows(wanted: str, allowed: bool) -> None:
    form = read_file(SPRING).read()
    assert return_to({"_redirect": wanted}, form) == (wanted if allowed else "/f/spring/thanks")


def test_a_service_does_not_start_with_a_region_that_would_refuse_every_number() -> None:
    with pytest.raises(ValidationError, match="GB"):
        Settings(phone_region="UK")


async def test_a_form_stored_before_a_name_was_refused_goes_on(intake_database: Database) -> None:
    definition = read_file(SPRING.replace('name = "boiler"', 'name = "website"')).model_dump(mode="json")
    definition["fields"][2]["name"] = "debug"
    async with intake_database.transaction() as unit:
        await store.put(unit, "spring", definition, datetime.now(UTC))
    book = FormBook(intake_database)
    await book.load()
    assert (form := book.get("spring")) is not None
    assert "debug" in form.own_names


async def test_a_form_is_seen_when_it_is_added_and_gone_when_it_is_disabled(intake_database: Database) -> None:
    book = FormBook(intake_database)
    await book.load()
    assert [book.get(key) is not None for key in ("contact", "api", "spring", None, 7)] == [True, True, False, False, False]
    definition = read_file(SPRING).model_dump()
    async with intake_database.transaction() as unit:
        assert await store.put(unit, "spring", definition, datetime.now(UTC)) == 1
        assert await store.put(unit, "spring", definition, datetime.now(UTC)) == 2
    await book.load()
    assert (form := book.get("spring")) is not None
    assert form.version == 2
    async with intake_database.transaction() as unit:
        assert await store.disable(unit, "spring", datetime.now(UTC))
        assert not await store.disable(unit, "spring", datetime.now(UTC))
    await book.load()
    assert book.get("spring") is None


async def test_a_change_is_seen_whatever_the_clock_of_whoever_makes_it(intake_database: Database) -> None:
    definition = read_file(SPRING).model_dump(mode="json", exclude_defaults=True)
    book, now = FormBook(intake_database), datetime.now(UTC)
    behind = now - timedelta(minutes=5)

    async def put(key: str, title: str, at: datetime) -> None:
        async with intake_database.transaction() as unit:
            await store.put(unit, key, definition | {"key": key, "title": title}, at)
        await book.load()

    for _ in range(3):
        await put("spring", "Spring", now)
    await put("autumn", "First", behind)
    await put("autumn", "Second", behind)
    assert [form.title for form in (book.get("spring"), book.get("autumn")) if form] == ["Spring", "Second"]
    async with intake_database.transaction() as unit:
        await store.disable(unit, "autumn", behind)
    await book.load()
    assert book.get("autumn") is None


async def test_a_form_that_cannot_be_read_does_not_take_the_others_down(intake_database: Database) -> None:
    async with intake_database.transaction() as unit:
        await store.put(unit, "broken", {"key": "broken"}, datetime.now(UTC))
    book = FormBook(intake_database)
    await book.load()
    assert book.get("contact") is not None
    assert book.get("broken") is None
