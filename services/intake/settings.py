"""INTAKE_* environment."""

import ipaddress
from typing import Literal

from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="INTAKE_", extra="ignore", env_ignore_empty=True)

    queue_limit: int = 4096  # submissions that may wait for their commit; above it: 503 with Retry-After
    phone_region: str = "US"
    repeat_minutes: int = 10  # the same content within this time gets the same answer
    idempotency_hours: int = 24
    provider_id_days: int = 30  # a sender's own id of a lead is recognised this long
    qualify: bool = True  # false: a replica that only answers, while others do the second step
    qualify_batch: int = 200
    qualify_attempts: int = 3
    qualify_retry_seconds: float = 5  # the pause after a failed attempt; the next is four times as long
    canary_seconds: float = Field(default=0, ge=0)  # a canary lead this often through our own door; 0: none
    meta_graph_url: str = "https://graph.facebook.com/v23.0"
    meta_token: str = Field(default="", repr=False)  # of a system user who may read the pages' leads

    spam_score_limit: int = 100  # from here on a post is set aside; a filled trap is in any case
    posts_per_address_minute: int = Field(default=0, ge=0)  # 0: no limit. An address is one of IPv4, or a /64 of IPv6
    posts_per_form_minute: int = Field(default=0, ge=0)
    posts_per_contact_hour: int = Field(default=0, ge=0)  # the same email or phone
    trusted_proxies: str = ""  # networks whose X-Forwarded-For is believed, separated by commas
    consent_ip: Literal["full", "block", "none"] = "full"  # what consent evidence keeps of the address
    turnstile_url: str = "https://challenges.cloudflare.com/turnstile/v0/siteverify"
    turnstile_secret: str = Field(default="", repr=False)
    hcaptcha_url: str = "https://api.hcaptcha.com/siteverify"
    hcaptcha_secret: str = Field(default="", repr=False)

    @field_validator("phone_region")
    @classmethod
    def _is_region(cls, value: str) -> str:
        if value not in SUPPORTED_REGIONS:
            raise ValueError("no country of phone numbers: for example US, DE or GB (not UK)")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for one in value.split(","):
            if one.strip():
                ipaddress.ip_network(one.strip())
        return value

    @property
    def trusted_networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        return [ipaddress.ip_network(one.strip()) for one in self.trusted_proxies.split(",") if one.strip()]
