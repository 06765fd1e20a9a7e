"""HANDOFF_* environment."""

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings
from shared.smtp_address import read_smtp_address


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="HANDOFF_", extra="ignore", env_ignore_empty=True)

    seed_owner: bool = True  # on one machine, an installation without reps starts with its owner as the only one
    smtp_url: str = Field(
        default="", repr=False
    )  # mail to reps: smtp://, smtp+starttls:// or smtps://user:password@host:port, or off

    @field_validator("smtp_url")
    @classmethod
    def _names_a_relay_or_none(cls, url: str) -> str:
        if url not in ("", "off"):
            read_smtp_address(url)
        return url

    @property
    def smtp(self) -> str:
        """Where mail to reps goes; empty: nowhere. On one machine the local sink is the default."""
        if self.smtp_url or not self.embedded:
            return "" if self.smtp_url == "off" else self.smtp_url
        return f"smtp://127.0.0.1:{self.mail_port}"
