"""What a person can do something about: one plain sentence."""


class LocalError(Exception):
    """Shown to the user as it is, without a traceback."""
