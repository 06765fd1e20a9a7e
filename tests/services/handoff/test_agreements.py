"""The agreement: looked over, compared in words, tried on recorded leads, signed by both teams, kept."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from services.handoff import store
from services.handoff.domain import routing, simulation
from services.handoff.domain.difference import differences
from services.handoff.domain.simulation import Recorded, Simulation
from services.handoff.use_cases.agreements import apply_agreement, check_signatures
from services.handoff.use_cases.lint import lint_text
from services.handoff.use_cases.simulate import compare, gather, report
from services.handoff.use_cases.verify import verify_decisions
from shared import events
from shared.agreement import AgreementError, hash_of, hours_from_text, parse
from shared.database import Database
from shared.in_force import agreement_in_force
from shared.settings import ROOT
from tests.services.handoff.acts import change
from tests.services.handoff.people import BASE, NOW, TEAM, policy, rep
from tests.services.handoff.support import SHIPPED, Handoff

WRITTEN = "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM assignment), (SELECT sum(turn) FROM pool)"
REST = '[[rules]]\nname = "rest"\npool = "team"\n'
POOLS = "[pools.team]\neveryone = true\n[pools.gas]\n"


@pytest.mark.parametrize("file", ["deploy/agreement.toml", "deploy/demo/agreement.toml"])
def test_what_is_shipped_has_nothing_to_find_fault_with(file: str) -> None:
    assert lint_text(Path(ROOT / file).read_text(), {"team": [rep(1)]}) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            TEAM.replace('"everybody"', '"first"') + '[[rules]]\nname = "late"\npool = "team"\n',
            "rules.late: No lead can reach it: first takes all that it would. Move it up.",
        ),
        (
            '[pools.team]\neveryone = true\n[[rules]]\nname = "hot"\npool = "team"\ntier = ["P1", "P2"]\n[[rules]]\nname = '
            '"cold"\npool = "team"\ntier = ["P3"]\n[[rules]]\nname = "rest"\npool = "team"\n',
            "rules.rest: No lead can reach it: cold, hot take all that it would. Move it up.",
        ),
        (
            '[territories]\nohio = ["43*"]\n[pools.team]\neveryone = true\n[[rules]]\nname = "ohio"\npool = "team"\n'
            'territory = "ohio"\n[[rules]]\nname = "toledo"\npool = "team"\npostal_code = ["43604", "436*"]\n'
            '[[rules]]\nname = "rest"\npool = "team"\n',
            "rules.toledo: No lead can reach it: ohio takes all that it would. Move it up.",
        ),
        (TEAM.replace('pool = "team"', 'pool = "team"\ntier = ["P9"]') + REST,
         "rules.everybody: It asks for the tier P9, which this agreement does not have."),
        (POOLS + REST, "pools.gas: No rule sends a lead here, and no pool overflows"),
        (POOLS + '[[rules]]\nname = "g"\npool = "gas"\nselection = ["estimate"]\n[[rules]]\nname = "rest"\npool = "team"\n',
         "pools.gas: Nobody is in it: say everyone = true, or let reps join it with `reps add --pool`."),
        (TEAM.replace("everyone = true", 'everyone = true\nskills = ["gas"]'),
         "rules.everybody: Nobody in team has the skills and licences that it asks for."),
        (
            '[territories]\nnorth = ["436*", "44101"]\nsouth = ["43604", "44101"]\n' + TEAM,
            "territories.south: It overlaps north at 43604, 44101. Give each postal code once.",
        ),
        (TEAM.replace("everyone = true", 'everyone = true\nhours = { mon = ["09:00-17:00"] }'),
         "tiers.P1: Its clock runs day and night, but team is not always open and nobody there is on call."),
        (TEAM.replace("everyone = true", 'everyone = true\nhours = { mon = ["09:00-09:20"] }'),
         "tiers.P3: An offer would stay open for more than a week: team works less than that."),
        ('[pools.gas]\n[[rules]]\nname = "big"\npool = "gas"\nanswers.squares = { at_least = 80, at_most = 30 }\n' + TEAM,
         "rules.big: No lead can reach it: squares cannot be at least 80 and at most 30. Swap the two."),
        (TEAM.replace("everyone = true", "everyone = true\nhours = { mon = [] }"), "pools.team: Its hours are never open"),
    ],
)  # fmt: skip
def test_a_fault_is_found_with_its_place_and_what_to_do(text: str, finding: str) -> None:
    found = lint_text(BASE + text, {"team": [rep(1)], "gas": []})
    assert any(finding in one for one in found), found
    where = finding.split(":")[0]
    assert any(one.startswith("line ") and where in one for one in found)


def test_who_works_in_what_an_agreement_no_longer_names_is_found() -> None:
    places = '[territories]\nnorth = ["436*"]\n[holidays.us]\n"2026-12-25" = []\n'
    one, other = rep(1, territories=["north"], holidays="us"), rep(2, territories=["north", "south", "west"], holidays="eu")
    found = [line for line in lint_text(BASE + places + TEAM, {"team": [one, other]}) if "reps." in line]
    assert found == [
        "reps.Rep2: Works in south, west, which this agreement does not have: no lead from there would find them. "
        "Keep the name, or change it with `reps set`.",
        "reps.Rep2: Keeps the holidays eu, which this agreement does not have: they would count as working days. "
        "Keep the name, or change it with `reps set`.",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (TEAM.replace('name = "everybody"', 'name = "a"\ntier = ["P1"]'), "The last rule must match every lead"),
        (TEAM + '[[rules]]\nname = "everybody"\npool = "team"\n', "Two rules are named 'everybody'"),
        (TEAM.replace("everyone = true", 'overflow = "nowhere"'), "overflows into 'nowhere'"),
        (TEAM.replace("everyone = true", 'hours = { noday = ["09:00-17:00"] }'), "is not a day such as mon"),
        (TEAM.replace("everyone = true", 'hours = { mon = ["9-17"] }'), "is not an interval such as 09:00-17:00"),
        (TEAM.replace("everyone = true", 'zone = "Mars/Olympus"'), "is not an IANA time zone"),
        (TEAM.replace('pool = "team"', 'pool = "team"\nanswers.size = {}'), "a range needs at_least"),
        (TEAM.replace('pool = "team"', 'pool = "team"\ncode = "import os"'), "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(AgreementError, match=sentence):
        parse(BASE + text)


@pytest.mark.parametrize("sender", ["Maple Plumbing", "office@maple.example (Office)", "", "Maple <office>"])
async def test_an_address_that_no_mail_can_come_from_is_not_agreed_on(sender: str, handoff_database: Database) -> None:
    text = SHIPPED.replace("Our company <hello@localhost>", sender)
    parse(text)  # a version that was kept goes on to be read
    sentence = "In company.sender: write an address, for example Joe's <joe@example.com>."
    with pytest.raises(AgreementError, match=sentence):
        lint_text(text, None)
    with pytest.raises(AgreementError, match=sentence):
        await Handoff(handoff_database).start(agreement=text)


def test_hours_are_read_from_one_cell_with_breaks_and_nights() -> None:
    found = hours_from_text("mon-tue 09:00-12:00 13:00-17:00; fri 22:00-06:00; sun-mon 10:00-11:00")
    assert found == {
        "mon": ["09:00-12:00", "13:00-17:00", "10:00-11:00"],
        "tue": ["09:00-12:00", "13:00-17:00"],
        "fri": ["22:00-06:00"],
        "sun": ["10:00-11:00"],
    }
    with pytest.raises(ValueError, match="names days without intervals"):
        hours_from_text("mon")


def test_two_agreements_are_compared_in_words() -> None:
    old = BASE + '[territories]\nnorth = ["1", "2"]\n' + TEAM
    new = (
        BASE.replace("accept_within_minutes = 5", "accept_within_minutes = 10")
        + '[territories]\nnorth = ["2", "3"]\n[pools.team]\neveryone = true\nhours = { mon = ["09:00-17:00"] }\n[pools.gas]\n'
        '[[rules]]\nname = "gas"\npool = "gas"\nterritory = "north"\n[[rules]]\nname = "everybody"\npool = "team"\n'
    )
    found = differences(*(parse(text).model_dump(mode="json") for text in (old, new)))
    assert found == [
        "tiers.P2: minutes to answer an offer: 5 becomes 10.",
        "pools.team: hours: nothing becomes mon 09:00-17:00.",
        "pools.gas is new: everyone no, sticky yes, catch up no.",
        "territories: north: with 3 and without 1.",
        "The rule 'gas' is new, as number 1: leads go to gas.",
    ]


def test_a_day_on_which_nobody_works_is_a_difference_that_says_so() -> None:
    old = BASE + "[holidays.us]\n2026-12-24 = []\n2026-07-04 = []\n" + TEAM
    new = BASE + '[holidays.us]\n2026-12-24 = ["08:00-12:00"]\n2026-12-25 = []\n[holidays.ca]\n2026-07-01 = []\n' + TEAM
    found = differences(*(parse(text).model_dump(mode="json") for text in (old, new)))
    assert sorted(found) == [
        "holidays.ca is new: 2026-07-01 closed.",
        "holidays.us: 2026-07-04: closed becomes as usual.",
        "holidays.us: 2026-12-24: closed becomes 08:00-12:00.",
        "holidays.us: 2026-12-25: as usual becomes closed.",
    ]


@pytest.mark.parametrize(
    ("signed_by", "sentence"),
    [
        (["marketing=Ada"], "Sales has not signed"),
        (["sales"], "Marketing has not signed"),
        (["marketing", "sales", "sales=Bo"], "Sales signed twice"),
        (["marketing", "sales", "it"], "'it' is neither"),
    ],
)
def test_both_teams_sign_and_nobody_else(signed_by: list[str], sentence: str) -> None:
    with pytest.raises(AgreementError, match=sentence):
        check_signatures(signed_by)
    check_signatures(["marketing=Ada", "Sales"])


async def test_an_applied_version_is_published_kept_and_names_the_decisions_made_under_it(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    reps = await handoff.start("Rosa", "Sam")
    first = await handoff.qualify()
    changed = SHIPPED.replace('name = "everybody"', 'name = "all of us"')
    async with handoff_database.transaction() as unit:
        await apply_agreement(unit, changed, ["marketing=Ada", "sales=Bo"], handoff.now + timedelta(seconds=1))
    second = await handoff.qualify()
    decisions = [(await handoff.active(lead))["decision"] for lead in (first, second)]
    assert [one["agreement"] for one in decisions] == [hash_of(SHIPPED), hash_of(changed)]
    assert [one["rule"] for one in decisions] == ["everybody", "all of us"]
    async with handoff_database.reading() as unit:
        assert (await verify_decisions(unit)).wrong == []
        assert set(await store.agreements.texts(unit, [hash_of(SHIPPED), hash_of(changed)])) == {
            hash_of(SHIPPED),
            hash_of(changed),
        }
        members = await unit.fetch("SELECT rep_id FROM pool_member WHERE pool = 'team'")
    assert {row["rep_id"] for row in members} == set(reps)
    applied = [event for event in await handoff.published() if event["type"] == "agreement.applied"]
    assert [event["signed_by"] for event in applied] == [["test"], ["marketing=Ada", "sales=Bo"]]


async def test_what_is_signed_on_a_machine_whose_clock_is_behind_is_in_force_all_the_same(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa")
    changed = SHIPPED.replace('name = "everybody"', 'name = "all of us"')
    for text in (changed, SHIPPED):  # and back
        async with handoff_database.transaction() as unit:
            await apply_agreement(unit, text, ["marketing", "sales"], handoff.now - timedelta(minutes=5))
            assert (await store.agreements.newest(unit))["text"] == text
    published = [event for event in await handoff.published() if event["type"] == "agreement.applied"]
    applied = [datetime.fromisoformat(event["at"]) for event in published]
    assert applied == sorted(set(applied))  # so do those who read it adopt them in this order


async def test_recorded_leads_are_replayed_under_a_new_agreement_and_nothing_is_written(handoff_database: Database) -> None:
    """The team works at night only in the new one: who called by day would have waited."""
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam")
    for _ in range(6):
        await handoff.qualify(tier="P3")
        handoff.now += timedelta(minutes=20)
    night = SHIPPED.replace("[pools.team]", '[pools.team]\nhours = { mon-sun = ["22:00-06:00"] }')
    async with handoff_database.transaction() as unit:
        before = await unit.fetch(WRITTEN)
        found, names = compare(await gather(unit, night, 1, handoff.now + timedelta(hours=12)))
        after = await unit.fetch(WRITTEN)
    assert before == after
    assert (found.leads, found.now.held, found.then.held, found.then.never) == (6, 0, 6, 0)
    assert sorted(found.then.load.values()) == [3, 3]
    waited = [7 * 60 - 20 * number - 60 for number in range(6)]  # from 15:00 on, until 22:00, beyond an hour
    lines = report(found, names)
    assert f"  minutes waited beyond the first-touch promise: 0 -> {sum(waited)}" in lines
    assert "  leads to Rosa: 3 -> 3" in lines


async def test_a_replay_under_the_agreement_in_force_gives_everybody_what_they_got(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam", "Tina")
    for _ in range(12):
        await handoff.qualify()
        handoff.now += timedelta(minutes=1)
    async with handoff_database.reading() as unit:
        found, _ = compare(await gather(unit, SHIPPED, 1, handoff.now))
        real = {row["lead_id"]: str(row["rep_id"]) for row in await unit.fetch("SELECT lead_id, rep_id FROM assignment")}
    assert found.moved == 0
    assert found.now.picks == real


async def test_in_a_replay_a_lead_that_was_disqualified_frees_its_rep(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    (rosa,) = await handoff.start("Rosa")
    await change(handoff, rosa, max_open=1)
    for _ in range(3):
        lead = await handoff.qualify()
        handoff.now += timedelta(minutes=1)
        await handoff.hear(events.LeadDisqualified(lead_id=lead, person_id=uuid7(), reason="spam", agreement="0" * 64))
    async with handoff_database.reading() as unit:
        found, _ = compare(await gather(unit, SHIPPED, 1, handoff.now))
    assert (found.now.never, found.now.held) == (0, 0)


async def test_a_replay_tells_reps_of_one_name_apart(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    rosa, sam = await handoff.start("Rosa", "Sam")
    await change(handoff, sam, name="Rosa")
    for _ in range(4):
        await handoff.qualify()
    async with handoff_database.reading() as unit:
        lines = report(*compare(await gather(unit, SHIPPED, 1, handoff.now)))
    assert {f"  leads to Rosa ({one}): 2 -> 2" for one in (rosa, sam)} < set(lines)


@pytest.mark.parametrize(("people", "served", "looks"), [([], 0, 200), ([rep(1, max_open=1)], 1, 200 + 7 * 24 * 4)])
def test_a_replay_ends_soon_also_where_nobody_may_take_the_leads(
    monkeypatch: pytest.MonkeyPatch, people: list[dict[str, Any]], served: int, looks: int
) -> None:
    decisions = []
    monkeypatch.setattr(simulation, "decide", lambda *given: decisions.append(given) or routing.decide(*given))
    snapshot = {"contact": {}, "selection": "estimate"}
    leads = [Recorded(uuid7(), uuid7(), snapshot, "P2", NOW + timedelta(minutes=number), None) for number in range(200)]
    found = Simulation(policy("[pools.team]\n" + REST), {"team": people}).run(leads, NOW + timedelta(days=7))
    assert (len(found.picks), found.never, found.held) == (served, 200 - served, 200 - served)
    assert len(decisions) <= looks


async def test_an_agreement_counts_within_the_transaction_that_applies_it_and_not_where_that_is_undone(
    handoff_database: Database,
) -> None:
    async with handoff_database.transaction() as unit:
        first = await apply_agreement(unit, SHIPPED, ["marketing=M", "sales=S"], NOW)
        assert (await agreement_in_force(unit) or ("", ""))[0] == first
        async with unit.trial():
            second = await apply_agreement(unit, f"{SHIPPED}\n# another", ["marketing=M", "sales=S"], NOW)
            assert (await agreement_in_force(unit) or ("", ""))[0] == second
        assert (await agreement_in_force(unit) or ("", ""))[0] == first
