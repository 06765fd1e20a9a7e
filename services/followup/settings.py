"""FOLLOWUP_* environment."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings
from shared.smtp_address import read_smtp_address

PLAN = Path(__file__).parent / "plans" / "after-unit.toml"
LIMITS = r"^(\d+/(second|minute|hour|day)(@[\w/+-]+)?(,\s*|$))*$"


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_", extra="ignore", env_ignore_empty=True)

    plan_file: Path = PLAN

    smtp_url: str = Field(default="", repr=False)  # smtp://, smtp+starttls:// or smtps://user:password@host:port
    smtp_name: str = "localhost"  # what we call ourselves in EHLO
    smtp_mails_per_connection: int = Field(default=100, ge=1)
    smtp_timeout_seconds: float = Field(default=20, gt=0)
    send_connections: int = Field(default=8, ge=1, le=256)
    send_limits: str = Field(default="", pattern=LIMITS)  # 10/second, 5000/day@America/New_York: of all replicas together
    lease_seconds: int = Field(default=120, ge=30)
    settle_seconds: int = Field(default=60, ge=0)  # how long bytes of a dead sender may still be taken by the relay

    dkim_key_file: Path | None = None  # RSA or Ed25519, PEM; none: the relay signs
    dkim_selector: str = "leadhandoff"
    dkim_domain: str = ""
    journal_address: str | None = None  # a mailbox of ours in every transaction: the witness after a crash
    journal_imap_url: str = Field(default="", repr=False)  # imaps://user:password@host/INBOX
    idempotency_header: str | None = None  # the relay sends equal values once, for example Resend-Idempotency-Key

    inbox_address: str | None = None  # bounces, answers and mailed stops come to variants of it (name+…@domain)
    inbox_imap_url: str = Field(default="", repr=False)

    letter_font: Path | None = None  # a TrueType font for letters; none: DejaVu where it is installed

    sms_url: str = Field(default="", repr=False)  # https://account:token@api.twilio.com; none: no texts are sent
    sms_sender: str = ""  # a number, or the id of a messaging service
    sms_idempotency_header: str | None = None  # the provider takes equal keys once; none: a text in doubt waits for its call
    sms_token: str = Field(default="", repr=False)  # signs the provider's calls; none: the token of sms_url

    @field_validator("smtp_url")
    @classmethod
    def _names_a_relay(cls, url: str) -> str:
        if url:
            read_smtp_address(url)
        return url

    @model_validator(mode="after")
    def _the_token_signs(self) -> "Settings":
        self.sms_token = self.sms_token or unquote(urlsplit(self.sms_url).password or "")
        return self

    @model_validator(mode="after")
    def _a_signature_names_its_domain(self) -> "Settings":
        if self.dkim_key_file is not None and not self.dkim_domain:
            raise ValueError("a key signs for a domain: set FOLLOWUP_DKIM_DOMAIN, the one in the sender's address")
        return self

    @property
    def smtp(self) -> str:
        return self.smtp_url or f"smtp://127.0.0.1:{self.mail_port}"
