"""Which ports the parts use, and free ones for those who do not care."""

import os
import socket
from dataclasses import dataclass, fields

from deploy.local.errors import LocalError


@dataclass(frozen=True, slots=True)
class Ports:
    intake: int = 8001
    handoff: int = 8002
    followup: int = 8003
    kafka: int = 9092
    postgres: int = 5433
    mail: int = 1025
    mail_page: int = 8025

    @classmethod
    def from_environment(cls) -> "Ports":
        return cls(**{field.name: _read(f"{field.name.upper()}_PORT", field.default) for field in fields(cls)})

    @classmethod
    def free(cls) -> "Ports":
        return cls(*free_ports(len(fields(cls))))

    def environment(self) -> dict[str, str]:
        return {f"{field.name.upper()}_PORT": str(getattr(self, field.name)) for field in fields(self)}


def _read(name: str, default: object) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise LocalError(f"{name} is {text!r}: set it to a port number between 1 and 65535.")
    return int(text)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now. They are held together, so that no two are the same."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


def refuse_taken(port: int, what: str, setting: str) -> None:
    """Raises LocalError where somebody already listens."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalError(f"Port {port} for {what} is taken: stop what uses it, or set {setting} to another.") from error
