"""A relay that answers as a script says, with a delay before every reply: for what a well-behaved server never does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support import serving

Script = Callable[[str], str | None]


@dataclass
class ScriptedRelay:
    """`answers` maps the start of a line (or "." for the final dot) to a reply; None hangs up, "" says nothing."""

    answers: dict[str, str | None] = field(default_factory=dict)
    delay: float = 0.0
    capabilities: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8")
    lines: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    def reply(self, line: str) -> str | None:
        for start, answer in self.answers.items():
            if line.upper().startswith(start.upper()):
                return answer
        return "354 go on" if line == "DATA" else "221 bye" if line == "QUIT" else "250 ok"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        greeting = self.answers.get("GREETING", "220 ready")
        if greeting is None:
            return
        writer.write(f"{greeting}\r\n".encode())
        while line := (await reader.readline()).decode().strip():
            self.lines.append(line)
            answer = self.reply(line)
            if line.startswith("EHLO") and "EHLO" not in self.answers:
                answer = "\r\n".join(f"250-{one}" for one in ("hello", *self.capabilities)) + "\r\n250 HELP"
            if self.delay:
                await asyncio.sleep(self.delay)
            if answer is None:
                return
            if answer:
                writer.write(f"{answer}\r\n".encode())
            if line == "DATA" and (answer or "").startswith("354"):
                content = await reader.readuntil(b"\r\n.\r\n")
                if self.delay:
                    await asyncio.sleep(self.delay)
                final = self.reply(".")
                if final is None:
                    return
                if final.startswith("2"):
                    self.messages.append(content)
                if final:
                    writer.write(f"{final}\r\n".encode())


@asynccontextmanager
async def scripted_relay(**more: object) -> AsyncIterator[ScriptedRelay]:
    relay = ScriptedRelay(**more)  # type: ignore[arg-type]
    async with serving(relay.serve) as port:
        relay.url = f"smtp://127.0.0.1:{port}"
        yield relay
