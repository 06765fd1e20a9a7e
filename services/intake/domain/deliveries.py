"""Making what a sender sent fit to keep. It cannot be asked again, so nothing is refused that can be kept otherwise."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.intake.domain.forms import LIMITS, FieldError
from services.intake.domain.submissions import CONTROL, MAX_ANSWERS, MAX_DEPTH, MAX_TEXT

ONE_LINE = set(LIMITS) - {"message"}
FLAGS = (None, "", True, False, "true", "false", "0", "1")
AS_SENT = " (as sent)"
DEEPEST = 400  # levels that can be read at all; an answer has MAX_DEPTH
ROOM = MAX_ANSWERS - 30  # parts of a long message and faulty fields become answers too


def fit(values: Mapping[str, Any]) -> dict[str, Any]:
    """Too long is split, too many is folded into one, control characters leave one-line fields, NUL leaves all."""
    kept: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    for name, value in values.items():
        key, clean = name.replace("\x00", "")[:90], _clean(value, 0)
        if key in answers:  # two long questions that begin alike
            key = f"{key[:80]} ({len(answers)})"
        if key in ONE_LINE and isinstance(clean, str):
            kept[key] = "".join(one if one.isprintable() else " " for one in clean).strip()[: LIMITS[key]]
        elif key == "message" and isinstance(clean, str) and clean:
            kept[key], *rest = _pieces(clean)
            kept |= {f"message, part {number}": piece for number, piece in enumerate(rest, 2)}
        elif key.startswith("_") or (key in CONTROL and is_ours(key, clean)):
            kept[key] = clean
        elif isinstance(clean, str) and len(clean) > MAX_TEXT:
            answers |= {f"{key}, {number}": piece for number, piece in enumerate(_pieces(clean), 1)}
        elif clean not in (None, "", [], {}):
            answers[key + AS_SENT if key in CONTROL else key] = clean
    if len(answers) > ROOM:
        names = list(answers)
        answers = {name: answers[name] for name in names[:ROOM]} | {"more": {name: answers[name] for name in names[ROOM:]}}
    return kept | answers


def is_ours(key: str, value: Any) -> bool:
    """Whether a name that means something to us means the same to the sender."""
    if key == "test":
        return value in FLAGS
    if key == "external_id":
        return value is None or (isinstance(value, str | int) and not isinstance(value, bool) and len(str(value)) <= 200)
    if key == "consents":
        return isinstance(value, list) and len(value) <= 20 and all(_is_consent(one) for one in value)
    return key == "attribution" and isinstance(value, dict)


def _is_consent(one: Any) -> bool:
    if not isinstance(one, dict) or not all(isinstance(one.get(name), str | None) for name in ("purpose", "text")):
        return False
    return isinstance(one.get("channel"), str) and isinstance(one.get("granted"), bool)


def is_too_deep(values: Any) -> bool:
    """Level by level: whatever calls itself for what is inside falls over before it is there."""
    level = [values]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def set_faults_aside(values: Mapping[str, Any], errors: list[FieldError]) -> dict[str, Any]:
    """A faulty value stays, as an answer: a bad email beside a good phone must not cost the lead."""
    faulty = {error.field for error in errors}
    kept = {name: value for name, value in values.items() if name not in faulty}
    return kept | {name + AS_SENT: values[name] for name in faulty if values.get(name) not in (None, "")}


def faults(errors: list[FieldError]) -> str:
    return " ".join(f"{error.field}: {error.detail}" for error in errors)


def _pieces(text: str) -> list[str]:
    return [text[start : start + MAX_TEXT] for start in range(0, len(text), MAX_TEXT)]


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "")
    if depth >= MAX_DEPTH - 1 and isinstance(value, dict | list):
        return str(value)[:MAX_TEXT]
    if isinstance(value, dict):
        return {str(key).replace("\x00", ""): _inner(one, depth) for key, one in value.items()}
    if isinstance(value, list):
        return [_inner(one, depth) for one in value]
    return value


def _inner(value: Any, depth: int) -> Any:
    clean = _clean(value, depth + 1)
    return clean[:MAX_TEXT] if isinstance(clean, str) else clean
