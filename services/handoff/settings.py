"""HANDOFF_* environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="HANDOFF_", extra="ignore", env_ignore_empty=True)

    seed_owner: bool = True  # on one machine, an installation without reps starts with its owner as the only one
    smtp_url: str = Field(default="", repr=False)  # mail to reps: smtp://user:password@host:port, or off

    @property
    def smtp(self) -> str:
        """Where mail to reps goes; empty: nowhere. On one machine the local sink is the default."""
        if self.smtp_url or not self.embedded:
            return "" if self.smtp_url == "off" else self.smtp_url
        return f"smtp://127.0.0.1:{self.mail_port}"
