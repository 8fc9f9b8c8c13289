"""Settings: environment variables `FINSHIFT_*`, each with an embedded default.

Nothing else in the program reads the environment, and no setting is a secret that a log may show.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import Rejected

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Auth(StrEnum):
    """How the program knows who asks. `local`: one local owner, on loopback."""

    LOCAL = "local"


def user_data_dir() -> Path:
    """The user's data folder for Finshift, as the platform has it (XDG Base Directory on Linux)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "finshift"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "finshift"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "finshift"


class Settings(BaseSettings):
    """What can be set. An unset part falls back to its embedded default below `data_dir`."""

    model_config = SettingsConfigDict(env_prefix="FINSHIFT_", extra="ignore", frozen=True)

    data_dir: Path = user_data_dir()
    """Everything embedded: the event store, the read models, the keys."""
    store_url: SecretStr | None = None
    """SQLAlchemy address of the event store; it may hold a password."""
    read_url: SecretStr | None = None
    """SQLAlchemy address of the read models."""
    documents_url: SecretStr | None = None
    """MongoDB address of the documents; unset, they are kept beside the read models."""
    kafka_servers: str | None = None
    """Kafka brokers as `host:port,host:port`; unset, nothing is published and the read models follow the store."""
    kafka_prefix: str = "finshift"
    """The first word of every topic: `finshift.events`, `finshift.alerts`."""
    kafka_partitions: int = 12
    """Partitions of a topic that is made; once made it keeps its own."""
    now: AwareDatetime | None = None
    """A fixed clock, for tests and samples."""
    auth: Auth = Auth.LOCAL
    local_bind: str | None = None
    """The address `serve` may bind beyond loopback in `local` mode, as in a container published on 127.0.0.1."""
    log_level: str | None = None
    """The least that is logged; unset, INFO where the program serves and WARNING where it does one thing and ends."""

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str | None) -> str | None:
        if value and value.upper() not in LOG_LEVELS:
            raise Rejected("log_level_unknown", level=value[:40], levels=LOG_LEVELS)
        return value

    @property
    def store_address(self) -> str:
        """The event store's SQLAlchemy address."""
        if self.store_url is not None:
            return self.store_url.get_secret_value()
        return f"sqlite+pysqlite:///{self.data_dir / 'events.db'}"

    @property
    def read_address(self) -> str:
        """The read models' SQLAlchemy address; unset it is the embedded one, wherever the events are."""
        if self.read_url is not None:
            return self.read_url.get_secret_value()
        return f"sqlite+pysqlite:///{self.data_dir / 'read-models.db'}"

    @property
    def profiles_dir(self) -> Path:
        """Where a person keeps CSV profiles of their own."""
        return self.data_dir / "profiles"

    @property
    def keys_file(self) -> Path:
        return self.data_dir / "keys"
