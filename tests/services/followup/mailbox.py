"""A mailbox's stand-in."""

import asyncio
import contextlib
import re


class StandIn:
    """LOGIN, SELECT, UID SEARCH, FETCH and STORE, as a server answers them. Mails in `away` it cannot read just now."""

    def __init__(self, mails: list[bytes], away: set[int] | None = None) -> None:
        self.mails, self.seen, self.away = mails, set[int](), away or set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        with contextlib.suppress(ConnectionError):
            while line := (await reader.readline()).decode():
                tag, _, command = line.strip().partition(" ")
                for untagged in self.answers(command):
                    writer.write(untagged)
                writer.write(f"{tag} {'NO' if self.is_away(command) else 'OK'} done\r\n".encode())
                if command == "LOGOUT":
                    break

    def is_away(self, command: str) -> bool:
        found = re.match(r"UID FETCH (\d+)", command)
        return found is not None and int(found[1]) in self.away

    def answers(self, command: str) -> list[bytes]:
        if self.is_away(command):
            return []
        numbers = range(1, len(self.mails) + 1)
        if command == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1\r\n"]
        if command.startswith("SELECT"):
            return [f"* {len(self.mails)} EXISTS\r\n".encode()]
        if command == "UID SEARCH UNSEEN":
            return [f"* SEARCH {' '.join(str(n) for n in numbers if n not in self.seen)}\r\n".encode()]
        if found := re.match(r'UID SEARCH HEADER Message-ID "(.*)"', command):
            hits = [str(n) for n in numbers if f"Message-ID: {found[1]}".encode() in self.mails[n - 1]]
            return [f"* SEARCH {' '.join(hits)}\r\n".encode()]
        if found := re.match(r"UID FETCH (\d+)", command):
            mail = self.mails[int(found[1]) - 1]
            return [f"* {found[1]} FETCH (UID {found[1]} BODY[]<0> {{{len(mail)}}}\r\n".encode() + mail + b")\r\n"]
        if found := re.match(r"UID STORE (\d+)", command):
            self.seen.add(int(found[1]))
        return [b"* BYE\r\n"] if command == "LOGOUT" else []
