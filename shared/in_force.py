"""The agreement in force, as each service keeps it in its own database."""

from shared.database import Transaction

_AT_MOST = 8
_texts: dict[str, str] = {}  # by their hash, which is made of the text: a version never changes


async def agreement_in_force(unit: Transaction) -> tuple[str, str] | None:
    """Its hash and its text; None before the first. Read once a transaction, and the text once a process."""
    if unit.agreement is None:
        unit.agreement = await _read(unit)
    return unit.agreement


async def _read(unit: Transaction) -> tuple[str, str] | None:
    current = await unit.value("SELECT hash FROM agreement ORDER BY at DESC LIMIT 1")
    if current is None:
        return None
    if current not in _texts:
        if len(_texts) == _AT_MOST:
            _texts.clear()
        _texts[current] = await unit.value("SELECT text FROM agreement WHERE hash = $1", current)
    return current, _texts[current]
