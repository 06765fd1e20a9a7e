"""The unsubscribe page: looking changes nothing, pressing the button does."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)


def unsubscribe_page(*, done: bool) -> str:
    return _templates.get_template("unsubscribe.html").render(done=done)
