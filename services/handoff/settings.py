"""HANDOFF_* environment."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="HANDOFF_", extra="ignore", env_ignore_empty=True)

    seed_owner: bool = True  # on one machine, an installation without reps starts with its owner as the only one
