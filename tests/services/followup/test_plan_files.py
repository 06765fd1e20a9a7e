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
