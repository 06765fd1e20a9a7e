"""Sends a folder of real cases to an intake of its own: python -m deploy.local.cases FOLDER."""

import asyncio
import sys
import tempfile
from pathlib import Path

from deploy.local.errors import LocalError
from deploy.local.ports import Ports
from deploy.local.postgres import remove_data
from deploy.local.system import NOTHING_OF_YOURS, System


async def run(folder: Path) -> int:
    with tempfile.TemporaryDirectory() as place:
        local = Path(place)
        try:
            async with System(local, Ports.free(), environment=NOTHING_OF_YOURS, services=("intake",)) as system:
                command = [sys.executable, str(folder / "drive.py"), str(system.ports.intake)]
                child = await asyncio.create_subprocess_exec(*command)
                return await child.wait()
        finally:
            remove_data(local / "postgres")


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) == 2 else None
    if folder is None or not (folder / "drive.py").exists():
        print("Name the folder with the cases: make cases CASES=folder (it must hold drive.py).", file=sys.stderr)
        return 2
    try:
        return asyncio.run(run(folder.resolve()))
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
