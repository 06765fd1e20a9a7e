"""A plan file that is wrong says where and what to do; the shipped ones are right."""

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.followup.adapters.calendar_data import quiet_hours
from services.followup.adapters.plan_files import SHIPPED, PlanError, PlanText, read_plan, read_plan_file
from services.followup.adapters.plan_lint import lint
from services.followup.adapters.rendering import shipped_templates
from services.followup.cli import main
from services.followup.domain.enrolling import Earlier, Entry, entry
from services.followup.domain.plans import Reentry
from services.followup.domain.spans import Span
from shared.agreement import Company

HERE = Company(name="Maple", postal_address="12 Elm St, Toledo OH 43604", zone="America/New_York")
HEAD = 'plan = "x"\nversion = 1\n'
PLUMBING = HEAD + '[enrol]\nwhere = { trade = "plumbing" }\n'
MONDAY = date(2026, 11, 23)


def step(text: str, head: str = HEAD) -> str:
    return f'{head}[step.review]\npurpose = "review"\n{text}\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("plan = ", "line 1, the file: This is not TOML"),
        (step('after = "2 days"\nchanel = "sms"'), "line 6, step.review.chanel: There is no key chanel; did you mean channel?"),
        (step('after = "2 dais"'), "line 5, step.review.after: Write a span as a number and a unit"),
        (step('after = "2 days"\nmonthly = "first tuesday"'), "line 3, step.review: Give exactly one of after, monthly"),
        (step('after = "2 days"\nat = "10:00"\nbetween = ["09:00", "10:00"]'), "line 7, step.review.between: Give either"),
        (step('after = "2 days"', HEAD + 'caps = { marketing = "0 per 7 days" }\n'), "line 3, caps.marketing: Write a cap"),
        (step('after = "2 days"', HEAD + 'priority = ["revue"]\n'), "line 3, priority: 'revue' is no step of this plan"),
        (step('season = { from = "02-30", to = "03-10" }'), "line 5, step.review.season.from: Write month and day"),
        (step('after = "2 days"\nuntil = "review.recieved"'), "'review.recieved' is nothing we hear of"),
        (step('after = "2 days"\non = "job.completed"'), "'job.completed' is nothing we hear of"),
        (step('after = "2 days"\nuntil = "job.booked:flush"'), "'job.booked:flush' is nothing we hear of"),
        (step('after = "2 days"', HEAD + '[company]\nname = "x"\n'), "line 3, company: The company is in the agreement"),
        (
            step('after = "2 days"\nrepeat = { every = "12 hours", times = 2 }'),
            "line 6, step.review.repeat.every: This is counted in days",
        ),
        (step('yearly_from = "job.completed_on"\nshift = "-2 hours"'), "line 6, step.review.shift: This is counted in days"),
        (step('silence = { for = "36 hours" }'), "line 5, step.review.silence.for: This is counted in days"),
        (step('silence = { for = "2 years" }\nonce_per = "-1 years"'), "line 6, step.review.once_per: This is more than nothing"),
        (step('after = "9000 years"'), "line 5, step.review.after: A step comes after its event"),
        (step('after = "2 days"\nchannel = []'), "line 6, step.review.channel: Name a channel"),
        (step('after = "2 days"\nskip = [2026-12-24T00:00:00]'), "is no day to skip"),
        (step('after = "2 days"', HEAD + "[calendar]\nwindow = [8, 20]\n"), "line 5, step.review.window: A window goes from"),
    ],
)
def test_a_wrong_plan_says_the_line_and_what_to_do(text: str, complaint: str) -> None:
    with pytest.raises(PlanError) as error:
        read_plan(text)
    assert complaint in str(error.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(PlanError) as error:
        read_plan(step('after = "x"\nwhen_ = 1\nroll = "sideways"'))
    assert [one.line for one in error.value.complaints] == [5, 6, 7]


def complaints(text: str, company: Company = HERE, **templates: str) -> str:
    found = PlanText(read_plan(text), text, {**shipped_templates(), **templates})
    return "\n".join(map(str, lint(found, company, quiet_hours(), MONDAY)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            step('after = "2 days"\nwhen = { satisfaction = ["high"] }'),
            "line 6, step.review.when: A review is asked of everybody",
        ),
        (step('after = "2 days"\nuntil = "satisfaction.low"'), "line 6, step.review.until: A review is asked of everybody"),
        (step('after = "2 days"\non = "satisfaction.high"'), "line 6, step.review.on: A review is asked of everybody"),
        (step('after = "2 days"\ntemplate = "nowhere"'), "line 6, step.review.template: There is no template nowhere.md"),
        (
            step('yearly_from = "lead.qualified_on"\nexpires = "1 day"\nblackouts = [{ from = 2020-01-01, to = 2099-01-01 }]'),
            "every slot is lost (blackout)",
        ),
        (step('season = { from = "07-04", to = "07-04" }\nskip = "us_federal_holidays"\nroll = "drop"'), "(Independence Day)"),
        (step('after = "2 days"\nchannel = "sms"'), "review.md has no line `Sms: …`"),
        (
            step('after = "2 days"\nwhen = { trade = "hvac" }', HEAD + '[enrol]\nwhere = { trade = "plumbing" }\n'),
            "It cannot be reached: no client",
        ),
        (step('after = "2 days"', HEAD + '[enrol]\nevent = "lead.qualified"\n'), "Somebody who only asked is no client yet"),
        (step('after = "2 days"', HEAD + '[enrol]\nwhere = { trade = "a", not_trade = "a" }\n'), "Nobody gets in"),
        (step('after = "2 days"\nat = 10'), "line 6, step.review.at: Write a time of day as 10:00:00"),
        (step('after = "2 days"\nbetween = [9, 11]'), "line 6, step.review.between: Write a time of day"),
        (step('after = "24 hours"\nat = 10:00:00'), "line 5, step.review.after: Hours and minutes count from the event"),
        (step('after = "2 days"\non = ["job.booked", "referral.won"]'), "line 6, step.review.on: A step waits for one thing"),
        (step('after = "2 days"\non = "job.booked"\nrepeat = { every = "2 days", times = 2 }'), "line 7, step.review.repeat"),
        (step('after = "2 days"\nrepeat = { every = "-2 days", times = 2 }'), "line 6, step.review.repeat: This is more than"),
        (step('after = "2 days"\nshift = "2 days"'), "line 6, step.review.shift: shift goes with yearly_from"),
        (
            step('after = "2 days"\nblackouts = [{ from = 2026-12-24, to = 2026-12-20 }]'),
            "line 6, step.review.blackouts: A blackout",
        ),
        (
            step('yearly_from = "lead.qualified_on"'),
            "line 5, step.review.yearly_from: Nobody in this plan has a lead.qualified_on",
        ),
        (
            step('after = "2 days"', HEAD + '[enrol]\nreentry = { mode = "restart_cycle", after = "12 hours" }\n'),
            "counted in days",
        ),
    ],
)
def test_lint_finds_what_would_go_wrong(text: str, complaint: str) -> None:
    assert complaint in complaints(text)


CROWDED = """plan = "x"
version = 1
caps = { any = "1 per 30 days" }
priority = ["review", "referral"]
[step.review]
after = "2 days"
purpose = "review"
[step.referral]
after = "3 days"
purpose = "referral"
"""


def test_lint_finds_a_step_that_a_cap_never_lets_through() -> None:
    assert "line 8, step.referral: In 3 simulated years every slot is lost (cap any 1 per 30 days)" in complaints(CROWDED)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("Subject: x\n\nHello {{ firstname }}", "the variable firstname is not known"),
        ("Subject: x\n\n{% for a in tip %}{% for b in a %}x{% endfor %}{% endfor %}", "a list within a list"),
        ("Subject: x\n\n{{ ''.__class__.__mro__() }}", "a template may not use call"),
        ("Subject: x\n\n{{ 'x' * 1000000 }}", "a template may not use mul"),
        ("Subject: x\n\n{% if first_name %}", "line 1"),
        ("Preheader: x\n\nHello", "start with Subject:"),
        ("Subject: x\nFooter: none\n\nHello", "needs the postal address and the link to stop"),
    ],
)
def test_lint_finds_a_mail_that_cannot_be_written(template: str, complaint: str) -> None:
    assert complaint in complaints(step('after = "2 days"'), review=template)


def test_mails_that_are_not_service_need_a_postal_address() -> None:
    assert "Such mails need your postal address" in complaints(step('after = "2 days"'), Company())


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.stem)
def test_nothing_is_wrong_with_a_shipped_plan(file: Path) -> None:
    assert list(lint(read_plan_file(file), HERE, quiet_hours(), MONDAY)) == []


def test_a_file_of_a_windows_editor_is_read_or_its_owner_told_how_to_save_it(tmp_path: Path) -> None:
    text, file = step('after = "2 days"\ntemplate = "own"'), tmp_path / "plan.toml"
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "own.md").write_text("Subject: How was it?\n\nHello", encoding="utf-8-sig")
    file.write_text(text, encoding="utf-8-sig")
    assert list(lint(read_plan_file(file), HERE, quiet_hours(), MONDAY)) == []
    file.write_text(f"# für uns\n{text}", encoding="latin-1")
    with pytest.raises(PlanError, match="This is not UTF-8"):
        read_plan_file(file)


def test_a_version_that_counts_a_new_cycle_in_hours_goes_on() -> None:
    """It could be published once, and the second job of a client then ended in the dead letters."""
    before = Earlier("x", 0, "active", MONDAY)
    assert entry(Reentry("restart_cycle", Span(12, "hour")), [before], MONDAY) == Entry(1, ("x",))
    assert entry(Reentry("restart_cycle", Span(36, "hour")), [before], MONDAY) == "enrolled less than 36 hours ago"


def test_the_hash_names_the_plan_and_its_mails() -> None:
    found = read_plan_file(SHIPPED / "after-unit.toml")
    again = PlanText(found.plan, found.text.replace("\n", "\r\n"), found.templates)
    other = PlanText(found.plan, found.text, {**found.templates, "review": "Subject: other\n\nOther"})
    assert again.sha256 == found.sha256 != other.sha256


def test_plan_lint_prints_the_line_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(step('after = "2 days"\ntemplate = "mine"'))
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "mine.md").write_text("Subject: x\n\nHello {{ first_nam }}")
    result = CliRunner().invoke(main, ["plan", "lint", str(file)])
    assert result.exit_code == 1
    assert "line 6, step.review.template: In mine.md, the variable first_nam is not known" in result.stderr
