"""Makes the secrets docker-compose.yml needs in deploy/secrets, where they are missing. Needs nothing but Python."""

import secrets
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "secrets"


def main() -> None:
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    for name in ("postgres", "intake", "handoff", "followup", "api-key", "secret-key"):
        file = FOLDER / f"{name}.txt"
        if not file.exists():
            prefix = "lh_" if name == "api-key" else ""
            file.write_text(prefix + secrets.token_hex(32))
            # Compose mounts the file as it is, and the services run as an account of their own, which must read it;
            # on this machine the folder keeps everybody else out.
            file.chmod(0o644)
    databases = [f"{name.upper()}_PASSWORD={(FOLDER / f'{name}.txt').read_text()}" for name in ("intake", "handoff", "followup")]
    (FOLDER.parent / "compose" / "postgres-init.sh").chmod(0o755)  # Postgres reads it as an account of its own
    environment = FOLDER.parent.parent / ".env"
    kept = environment.read_text().splitlines() if environment.exists() else []
    kept = [line for line in kept if line.split("=")[0] not in {one.split("=")[0] for one in databases}]
    environment.touch(mode=0o600)
    environment.write_text("\n".join([*kept, *databases]) + "\n")
    print(f"The secrets are in {FOLDER} and .env; keep both to yourself.")


if __name__ == "__main__":
    main()
