"""The parts of a person's name, however it was written."""

NAME_PARTS = ("first_name", "last_name")


def split_name(name: str) -> tuple[str, str]:
    """First and last name: "Ada Byron", "Byron, Ada", "Ludwig van Beethoven"."""
    if name.count(",") == 1:
        last, first = name.split(",")
        return first.strip(), last.strip()
    first, _, last = name.strip().partition(" ")
    return first, last.strip()


def parts_of(name: str) -> dict[str, str]:
    """The same under our names; a part nobody told is left out."""
    return {key: part for key, part in zip(NAME_PARTS, split_name(name), strict=True) if part}
