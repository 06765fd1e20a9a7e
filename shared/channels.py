"""One word for each way to reach somebody, and for each purpose, however people write it."""

CHANNELS = ("email", "sms", "phone", "post")
_CALLED = {
    **dict.fromkeys(("e-mail", "e mail", "mail"), "email"),
    **dict.fromkeys(("call", "calls", "voice", "telephone"), "phone"),
    **dict.fromkeys(("text", "texts", "text message"), "sms"),
    **dict.fromkeys(("letter", "letters", "postal"), "post"),
}


def channel_of(name: str) -> str:
    """One word for a channel, however it was written: who refuses "E-Mail" refuses email. Others stay, in lower case."""
    word = " ".join(name.split()).lower()
    return _CALLED.get(word, word)


def purpose_of(name: str | None) -> str | None:
    """None, or nothing: every purpose."""
    return (name or "").strip().lower() or None


def known_channel(said: str) -> str:
    """The channel somebody means. Raises ValueError: what nobody reads as a channel would be refused in vain."""
    channel = channel_of(said)
    if channel not in CHANNELS:
        raise ValueError(f"the channels are {', '.join(CHANNELS)}")
    return channel
