"""Settings every service has, from the environment. Wrong ones stop the start with a sentence."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class LocalSettings(BaseSettings):
    """Where the embedded Kafka and Postgres are, when no address names others."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    local_dir: Path = Field(default=ROOT / ".local")
    kafka_port: int = 9092
    postgres_port: int = 5433
    mail_port: int = 1025
    mail_page_port: int = 8025
    intake_port: int = 8001
    handoff_port: int = 8002
    followup_port: int = 8003

    kafka_bootstrap_servers: str = ""
    kafka_instance_id: str | None = None  # only where the process name comes back after a restart
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str = "PLAIN"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = Field(default=None, repr=False)
    topic_partitions: int = Field(default=12, ge=1)
    topic_replicas: int = Field(default=1, ge=1)

    api_key_file: Path | None = None
    secret_key_file: Path | None = None
    agreement_file: Path = ROOT / "deploy" / "agreement.toml"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = "INFO"
    log_format: Literal["json", "plain"] = "json"
    public_base_url: str = ""

    @model_validator(mode="after")
    def _fill_in_the_embedded(self) -> "LocalSettings":
        self.kafka_bootstrap_servers = self.kafka_bootstrap_servers or f"127.0.0.1:{self.kafka_port}"
        self.api_key_file = self.api_key_file or self.local_dir / "api-key"
        return self


class ServiceSettings(LocalSettings):
    """A service's own: its database and where it listens. `SERVICE` is set by each service."""

    host: str = "127.0.0.1"
    database_url: str = ""
    database_pool: int = Field(default=10, ge=2)
    _embedded: bool = PrivateAttr(default=False)

    @property
    def embedded(self) -> bool:
        """Whether the database is the local one, which a start may migrate; never true for one that was named."""
        return self._embedded

    @property
    def service(self) -> str:
        return str(self.model_config["env_prefix"]).rstrip("_").lower()

    @property
    def port(self) -> int:
        return int(getattr(self, f"{self.service}_port"))

    @property
    def base_url(self) -> str:
        """Absolute links are built from this, never from a Host header."""
        return (self.public_base_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @model_validator(mode="after")
    def _find_the_database(self) -> "ServiceSettings":
        if not self.database_url:
            self._embedded = True
            file = self.local_dir / "postgres" / f"{self.service}.password"
            password = file.read_text().strip() if file.exists() else ""
            self.database_url = f"postgresql://{self.service}:{password}@127.0.0.1:{self.postgres_port}/{self.service}"
        return self

    @classmethod
    def settings_customise_sources(cls, settings_cls: Any, **sources: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Names with the service's prefix come first (INTAKE_HOST), shared ones are plain (KAFKA_PORT, LOCAL_DIR)."""
        return (sources["init_settings"], sources["env_settings"], _PlainEnvironment(settings_cls))


class _PlainEnvironment:
    """Reads the shared names, which carry no service prefix."""

    OWN = ("host", "database_url", "database_pool")

    def __init__(self, settings_cls: Any) -> None:
        self.names = [name for name in settings_cls.model_fields if name not in self.OWN]

    def __call__(self) -> dict[str, Any]:
        return {name: os.environ[name.upper()] for name in self.names if os.environ.get(name.upper())}
