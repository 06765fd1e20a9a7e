"""INTAKE_* environment."""

from pydantic import Field
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
