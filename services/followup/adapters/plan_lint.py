"""What is wrong with a plan beyond its schema: mails that cannot be written, steps that never go out, what the law forbids."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from services.followup.adapters.calendar_data import QuietHours
from services.followup.adapters.plan_files import Complaint, PlanError, PlanText, line_of, read_plan_file
from services.followup.adapters.plan_schema import PlanFile, StepPart
from services.followup.adapters.rendering import Unrenderable, compile_template
from services.followup.domain.plans import After, Plan, Step
from services.followup.domain.simulation import dead_steps
from services.followup.domain.windows import Place
from shared.agreement import Company

GATING = "A review is asked of everybody: asking only the satisfied is forbidden (Google's policy; the FTC calls it deceptive)"
UNSUBSCRIBE = "A mail like this needs the postal address and the link to stop: take `Footer: none` out of its template"
STOP_WORD = "A text message like this must say how to stop: add `Reply STOP to stop` to the Sms line of its template"


def check_plan_file(file: Path, company: Company, quiet: QuietHours, today: date) -> PlanText:
    """The plan, where nothing is wrong with it. Raises PlanError."""
    found = read_plan_file(file)
    complaints = sorted(lint(found, company, quiet, today), key=lambda one: one.line)
    if complaints:
        raise PlanError(complaints)
    return found


def lint(found: PlanText, company: Company, quiet: QuietHours, today: date) -> Iterator[Complaint]:
    yield from _about_the_whole(found, company)
    file = PlanFile.model_validate(tomllib.loads(found.text))
    if file.enrol.reentry.after.is_elapsed or file.enrol.reentry.after.count < 0:
        line = line_of(found.text, ("enrol", "reentry"))
        yield Complaint(line, "enrol.reentry.after", "This is counted in days, weeks, months or years.")
    for step in found.plan.steps:
        keys = _about_the_keys(file, file.step[step.key])
        for key, sentence in (*keys, *_about_the_step(found.plan, step), *_about_the_mails(found, step)):
            path = ("step", step.key, key) if key else ("step", step.key)
            yield Complaint(line_of(found.text, path), ".".join(path), f"{sentence}.")
    place = Place(ZoneInfo(company.zone), company.country)
    for dead in dead_steps(found.plan, place, quiet.rules, today):
        yield Complaint(line_of(found.text, ("step", dead.step)), f"step.{dead.step}", f"{dead.sentence}.")


def _about_the_whole(found: PlanText, company: Company) -> Iterator[Complaint]:
    if not company.postal_address and any(step.purpose != "service" for step in found.plan.steps):
        sentence = "Such mails need your postal address: fill in [company] postal_address in the agreement and apply it."
        yield Complaint(1, "the agreement", sentence)
    for name, wanted in found.plan.enrol.where.items():
        if wanted <= found.plan.enrol.where_not.get(name, frozenset()):
            line = line_of(found.text, ("enrol", "where"))
            yield Complaint(line, "enrol.where", f"Nobody gets in: every {name} that is wanted is also unwanted.")


def _about_the_keys(file: PlanFile, part: StepPart) -> Iterator[tuple[str, str]]:
    """What can be written and means something else than it seems to. Versions that were published with it go on as they are."""
    if any(one.tzinfo for one in (part.at, *(part.between or ())) if one is not None):
        yield "at" if part.at else "between", "Write a time of day as 10:00:00: a bare number would count seconds"
    if part.after is not None and part.after.is_elapsed and not part.repeat and (part.at or part.between):
        yield "after", "Hours and minutes count from the event, whatever the time of day: count in days, or leave the time out"
    if part.on and len(part.on) > 1:
        yield "on", "A step waits for one thing: write a step for each"
    if part.on and part.repeat:
        yield "repeat", "What waits for something comes once for each time it happens: take repeat out"
    for name, needs in (("shift", "yearly_from"), ("once_per", "silence")):
        if name in part.model_fields_set and getattr(part, needs) is None:
            yield name, f"{name} goes with {needs}"
    if any(one.first > one.last for one in part.blackouts or ()):
        yield "blackouts", "A blackout goes from the earlier to the later day"
    every = part.repeat.every if part.repeat else None
    for name, span in (("expires", part.expires), ("once_per", part.once_per), ("repeat", every)):
        if span is not None and span.count < 1:
            yield name, "This is more than nothing: at least 1"
    anchor = part.yearly_from or ""
    if anchor.startswith(("job.", "lead.")) and anchor != f"{file.enrol.event}_on":
        yield "yearly_from", f"Nobody in this plan has a {anchor}: it enrols on {file.enrol.event}"


def _about_the_step(plan: Plan, step: Step) -> Iterator[tuple[str, str]]:
    if step.purpose == "review" and "satisfaction" in step.when:
        yield "when", GATING
    waits_for = step.timing.fact if isinstance(step.timing, After) and step.timing.fact else ""
    for key, facts in (("on", [waits_for]), ("until", step.until)):
        if step.purpose == "review" and any(fact.startswith("satisfaction") for fact in facts):
            yield key, GATING
    if plan.enrol.event == "lead.qualified" and step.purpose != "service":
        yield "purpose", "Somebody who only asked is no client yet: a plan that enrols on lead.qualified has service steps only"
    for name, wanted in step.when.items():
        allowed, refused = plan.enrol.where.get(name), plan.enrol.where_not.get(name, frozenset())
        if wanted <= refused or (allowed is not None and not wanted & allowed):
            yield "when", f"It cannot be reached: no client with such a {name} gets into this plan"


def _about_the_mails(found: PlanText, step: Step) -> Iterator[tuple[str, str]]:
    pattern = re.compile(re.sub(r"\\\{\w+\\\}", r"[\\w-]*", re.escape(step.template)))
    names = sorted(name for name in found.templates if pattern.fullmatch(name))
    if not names and step.missing != "skip":
        yield "template", f"There is no template {step.template}.md: write one in the folder templates beside the plan"
    for name in names:
        source = found.templates[name]
        try:
            compiled = compile_template(source)
        except Unrenderable as error:
            yield "template", f"In {name}.md, {error}"
            continue
        if step.purpose != "service" and not compiled.has_footer:
            yield "template", UNSUBSCRIBE
        if "sms" in step.channels and compiled.sms is None:
            yield "channel", f"{name}.md has no line `Sms: …` for a text message"
        elif "sms" in step.channels and step.purpose != "service" and "STOP" not in source.partition("\n\n")[0]:
            yield "channel", STOP_WORD
