"""FOLLOWUP_* environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

PLAN = Path(__file__).parent / "plans" / "after-unit.toml"


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_", extra="ignore", env_ignore_empty=True)

    smtp_url: str = Field(default="", repr=False)  # smtp://user:password@host:port
    plan_file: Path = PLAN
    send_connections: int = Field(default=8, ge=1, le=256)
    lease_seconds: int = Field(default=120, ge=30)

    @property
    def smtp(self) -> str:
        return self.smtp_url or f"smtp://127.0.0.1:{self.mail_port}"
