"""Fetches the pinned jars of Apache Kafka, once: in parallel, each checked against its hash."""

import concurrent.futures
import hashlib
import os
import sys
from pathlib import Path

import httpx

from deploy.local.errors import LocalError

LOCK = Path(__file__).with_name("kafka.lock")
VERSION = "4.3.1"
PARALLEL = 8


def ensure_jars(cache: Path) -> Path:
    """The folder with all jars. Touches the network only for what is missing or damaged."""
    folder = cache / f"kafka-{VERSION}"
    verified = folder / ".verified"
    wanted = [line.split() for line in LOCK.read_text().splitlines() if line.strip()]
    stamp = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    names = [path.rsplit("/", 1)[1] for _, path in wanted]
    if verified.exists() and verified.read_text() == stamp and all((folder / name).exists() for name in names):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(digest, path) for digest, path in wanted if not _is_whole(folder / path.rsplit("/", 1)[1], digest)]
    _fetch_all(missing, folder, total=len(wanted))
    verified.write_text(stamp)
    return folder


def _is_whole(file: Path, digest: str) -> bool:
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == digest


def _fetch_all(missing: list[list[str]] | list[tuple[str, str]], folder: Path, *, total: int) -> None:
    done, size = total - len(missing), 0
    with (
        httpx.Client(base_url=_mirror(), timeout=60, follow_redirects=True) as client,
        concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool,
    ):
        futures = [pool.submit(_fetch, client, path, digest, folder) for digest, path in missing]
        try:
            for future in concurrent.futures.as_completed(futures):
                size += future.result()
                done += 1
                _show(done, total, size)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _mirror() -> str:
    from jgo.constants import MAVEN_CENTRAL_URL

    return (os.environ.get("KAFKA_MAVEN_URL") or str(MAVEN_CENTRAL_URL)).rstrip("/") + "/"


def _fetch(client: httpx.Client, path: str, digest: str, folder: Path) -> int:
    name = path.rsplit("/", 1)[1]
    advice = "Check the network, or set KAFKA_MAVEN_URL to a Maven mirror you can reach."
    try:
        answer = client.get(path)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise LocalError(f"{name}, a part of Apache Kafka, could not be fetched ({error}). {advice}") from error
    if hashlib.sha256(answer.content).hexdigest() != digest:
        raise LocalError(f"{name} from {client.base_url.host} is not the file we know (its sha256 differs). {advice}")
    part = folder / f"{name}.{os.getpid()}.part"
    part.write_bytes(answer.content)
    part.rename(folder / name)
    return len(answer.content)


def _show(done: int, total: int, size: int) -> None:
    line = f"Apache Kafka {VERSION}: {done} of {total} files, {size / 1e6:.0f} MB"
    if sys.stderr.isatty():
        print(f"\r{line}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done % 15 == 0 or done == total:
        print(line, file=sys.stderr, flush=True)
