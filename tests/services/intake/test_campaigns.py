"""What campaigns cost is imported whole or not at all, and said when it is new; what they promised travels."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.intake.domain.campaigns import BadCosts, Cost, read_costs
from services.intake.store import campaigns as store
from services.intake.use_cases import campaigns as use_case
from tests.services.intake.support import NOW, Intake, command

HEADER = "Campaign,date,amount,currency\n"


def lines(*rows: str) -> list[str]:
    return (HEADER + "\n".join(rows)).splitlines(keepends=True)


def test_a_line_is_a_day_of_a_campaign() -> None:
    found = read_costs(lines("Spring,2026-05-01,120.50,USD", "", 'spring,2026-05-02,"7",USD'))
    assert found[0] == Cost("spring", date(2026, 5, 1), Decimal("120.50"), "USD")
    assert len(found) == 2
    assert read_costs(["currency,amount,date,campaign,note\n", "EUR,1,2026-05-01,a,b\n"])[0].currency == "EUR"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (",2026-05-01,1,USD", "please name the campaign."),
        ("a,01.05.2026,1,USD", "please write the date as 2026-05-31."),
        ("a,2026-05-01,NaN,USD", "please write the amount as 1250.00"),
        ("a,2026-05-01,-1,USD", "please write the amount as 1250.00"),
        ("a,2026-05-01,1e30,USD", "please write the amount as 1250.00"),
        ("a,2026-05-01,1.23456,USD", "please write the amount as 1250.00"),
        ("a,2026-05-01,1,usd", "please write the currency"),
        ("a,2026-05-01", "please write the amount"),
        ("a,2026-05-01,1,USD,000", "there are more cells than columns"),
        ("good,2026-05-01,2,USD", "this campaign has a line of that day already."),
    ],
)
def test_a_mistake_is_named_by_its_line(row: str, sentence: str) -> None:
    with pytest.raises(BadCosts, match=f"^Line 3: {sentence}"):
        read_costs(lines("good,2026-05-01,1,USD", row))


def test_cells_that_are_empty_behind_the_last_column_are_none() -> None:
    assert read_costs(lines("a,2026-05-01,1,USD,, ")) == read_costs(lines("a,2026-05-01,1,USD"))


def test_an_amount_that_a_comma_broke_in_two_and_a_column_that_stands_twice_are_no_costs() -> None:
    for header, row in (
        ("currency,date,campaign,amount\n", "USD,2026-05-01,a,1,250\n"),
        (HEADER[:-1] + ",Amount\n", "a,2026-05-01,1,USD,2"),
    ):
        with pytest.raises(BadCosts, match=r"more cells than columns|two columns amount"):
            read_costs([header, row])


@pytest.mark.parametrize("mark", [";", "\t"])
def test_columns_are_parted_as_the_spreadsheet_of_the_country_does(mark: str) -> None:
    rows = ["campaign,date,amount,currency\n", "Spring,2026-05-01,1250.00,EUR\n", "Spring,2026-05-02,7~50,EUR\n"]
    found = read_costs([row.replace(",", mark).replace("~", ",") for row in rows])
    assert [(one.spent_on.day, one.amount, one.currency) for one in found] == [
        (1, Decimal("1250"), "EUR"),
        (2, Decimal("7.5"), "EUR"),
    ]
    for doubtful in ("1.250,00", "1,250"):
        with pytest.raises(BadCosts, match=r"^Line 2: please write the amount"):
            read_costs([rows[0].replace(",", mark), f"Spring{mark}2026-05-01{mark}{doubtful}{mark}EUR\n"])


def test_a_quote_that_is_never_closed_is_said_so() -> None:
    with pytest.raises(BadCosts, match="a quote too many"):
        read_costs([HEADER, '"Spring,2026-05-01,1,USD\n', *["Autumn,2026-05-01,1,USD\n"] * 10_000])


def test_a_file_without_its_columns_is_said_so() -> None:
    with pytest.raises(BadCosts, match="amount is missing"):
        read_costs(["campaign,date,cost,currency\n"])
    with pytest.raises(BadCosts):
        read_costs([])


async def test_a_year_of_many_campaigns_goes_in_portions_all_or_none(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once the database ended a transaction that was silent while thousands of events were made."""
    monkeypatch.setattr(use_case, "PORTION", 2)
    sizes, save = [], store.save_costs

    async def noted(unit: Any, rows: Any) -> Any:
        sizes.append(len(rows))
        if len(sizes) == 6:
            raise KeyError("planted")
        return await save(unit, rows)

    monkeypatch.setattr(store, "save_costs", noted)
    costs = read_costs(lines(*(f"c{n % 2},2026-05-0{1 + n},1,USD" for n in range(5))))
    async with intake.database.transaction() as unit:
        assert await use_case.import_costs(unit, costs, NOW) == 5
    assert sizes == [2, 2, 1]
    priced = await intake.events("campaign.priced")
    assert [(one["campaign"], one["spent_on"][-1]) for one in priced] == [
        ("c0", "1"),
        ("c0", "3"),
        ("c0", "5"),
        ("c1", "2"),
        ("c1", "4"),
    ]
    with pytest.raises(KeyError):
        async with intake.database.transaction() as unit:
            await use_case.import_costs(unit, [replace(one, amount=Decimal(9)) for one in costs], NOW)
    assert len(await intake.events("campaign.priced")) == 5


async def test_costs_are_published_when_new_or_changed(intake: Intake, tmp_path: Path) -> None:
    file = tmp_path / "costs.csv"
    file.write_text(HEADER + "Spring,2026-05-01,120.50,USD\nSpring,2026-05-02,80,USD\nBrand,2026-05-01,5,USD\n")
    assert await command(intake, "campaigns", "import", str(file)) == "3 of 3 days are new or changed."
    assert await command(intake, "campaigns", "import", str(file)) == "0 of 3 days are new or changed."
    file.write_text(HEADER + "spring,2026-05-02,90,USD\n")
    await command(intake, "campaigns", "import", str(file))
    priced = await intake.events("campaign.priced")
    assert [(one["key"], one["spent_on"], one["amount"]) for one in priced if one["campaign"] == "spring"] == [
        ("campaign:spring", "2026-05-01", "120.500"),
        ("campaign:spring", "2026-05-02", "80.000"),
        ("campaign:spring", "2026-05-02", "90.000"),
    ]
    file.write_text(HEADER + "spring,2026-05-03,1,USD\nspring,today,1,USD\n")
    assert "Nothing was imported.\nLine 3" in await command(intake, "campaigns", "import", str(file), fails=True)
    await command(intake, "campaigns", "set", " SPRING ", "--promise", "Free inspection in May")
    listed = await command(intake, "campaigns", "list")
    assert "spring  2 days, 2026-05-01 to 2026-05-02  Free inspection in May" in listed
    await intake.lead(email="ada@maple.example", attribution={"utm_campaign": "Spring"})
    assert (await intake.events("lead.qualified"))[0]["promise"] == "Free inspection in May"


async def test_a_promise_that_is_over_is_withdrawn_and_a_campaign_has_a_name(intake: Intake, tmp_path: Path) -> None:
    await command(intake, "campaigns", "set", "Spring", "--promise", "20 % off.")
    costs = tmp_path / "costs.csv"
    costs.write_text(HEADER + "spring,2026-05-01,1,USD\n")
    assert await command(intake, "campaigns", "import", str(costs)) == "1 of 1 day is new or changed."
    assert "spring  1 day, 2026-05-01 to 2026-05-01  20 % off." in await command(intake, "campaigns", "list"), (
        "costs leave the promise alone"
    )
    await command(intake, "campaigns", "set", "spring", "--promise", "")
    await intake.lead(email="ada@maple.example", attribution={"utm_campaign": "spring"})
    assert (await intake.events("lead.qualified"))[0]["promise"] is None
    assert "name the campaign" in await command(intake, "campaigns", "set", " ", "--promise", "20 % off.", fails=True)
