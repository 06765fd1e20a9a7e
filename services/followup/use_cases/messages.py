"""What a touch says to this client: the facts its template is filled in with."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from services.followup.adapters.rendering import LINKS, LeftOut, Rendered, Unrenderable, first_name, render
from services.followup.adapters.tips import tip_of
from services.followup.domain.plans import Yearly
from services.followup.use_cases.plan_book import PlanBook
from shared.agreement import Company
from shared.database import Transaction
from shared.mail import one_line

MONTHS = [date(2000, month, 1).strftime("%B") for month in range(1, 13)]


async def compose(
    unit: Transaction,
    book: PlanBook,
    touch: Any,
    anchors: Mapping[str, str],
    contact: Any,
    company: Company,
    links: Mapping[str, str],
) -> Rendered:
    """The touch as its plan version wrote it. Raises Unrenderable, or LeftOut where the plan wants that."""
    found = await book.text(unit, touch["plan"], touch["plan_version"])
    step = found.plan.step(touch["step"]) if found else None
    source = found.templates.get(template_name(step.template, anchors, touch["local_date"])) if found and step else None
    if source is None or step is None:
        if step is not None and step.missing == "skip":
            raise LeftOut(f"there is no template {template_name(step.template, anchors, touch['local_date'])}")
        raise Unrenderable(f"the plan has no template for {touch['step']}")
    links = links if touch["channel"] != "post" else {}  # nobody types one in from paper
    years = touch["cycle"] if isinstance(step.timing, Yearly) else 0
    rendered = render(source, facts_of(contact, anchors, touch["local_date"], years, company, links))
    if touch["channel"] == "sms" and not rendered.texted:
        raise Unrenderable("the template has no text message")
    return rendered


def facts_of(
    contact: Any, anchors: Mapping[str, str], day: date, years: int, company: Company, links: Mapping[str, str]
) -> dict[str, Any]:
    """Plain facts only: text, numbers, a tip."""
    trade, name = anchors.get("trade", ""), first_name(contact)
    return {
        **{name: links.get(name, "") for name in LINKS},
        "name": name,
        "first_name": name or "there",  # "Hello there,"
        "last_name": one_line(contact.get("last_name") or ""),
        "company": company.name,
        "postal_address": company.postal_address,
        "trade": trade,
        "job_day": day_in_words(anchors.get("job.completed_on"), company.country),
        "years": years,
        "month": MONTHS[day.month - 1],
        "tip": tip_of(trade, day.month),
    }


def template_name(pattern: str, anchors: Mapping[str, str], day: date) -> str:
    """`news-{yyyy}-{mm}` is another template every month."""
    fill = {"{trade}": anchors.get("trade", "").casefold(), "{mm}": f"{day.month:02}", "{yyyy}": f"{day.year:04}"}
    for name, content in fill.items():
        pattern = pattern.replace(name, content)
    return pattern


def day_in_words(day: str | None, country: str) -> str:
    if day is None:
        return ""
    found = date.fromisoformat(day)
    month = MONTHS[found.month - 1]
    return f"{month} {found.day}, {found.year}" if country == "US" else f"{found.day} {month} {found.year}"
