"""The operator's configuration: one YAML file, read once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pilotage_operator.api.modeldeployment import Defaults
from pilotage_operator.api.schema import sentence


class ConfigError(Exception):
    """The file is missing or wrong; the message says where, and what to write."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


class Prometheus(_Part):
    """Where the counters are read; an empty `url` means that nothing can be measured.

    `tenant_queries`: whether a ModelDeployment may bring PromQL of its own, which can read every team's metrics.
    """

    url: str = ""
    headers: dict[str, str] = {}
    tenant_queries: bool = False


class Registries(_Part):
    """`plain_http`: host:port of the registries that speak HTTP without TLS."""

    plain_http: Annotated[tuple[str, ...], Field(alias="plainHTTP")] = ()


class Config(_Part):
    """What the platform team chose.

    `connection_seconds`: how long a client keeps a connection to one serving pod; `health_port`: where the operator
    answers /healthz and /metrics, 0 for any that is free.
    """

    serving_image: str
    prometheus: Prometheus = Prometheus()
    registries: Registries = Registries()
    watch_namespaces: tuple[str, ...] = ()
    connection_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    defaults: Defaults = Defaults()


def read_config(path: Path) -> Config:
    """Raises ConfigError with one sentence."""
    try:
        body = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {error}") from error
    try:
        return Config.model_validate(body or {})
    except ValidationError as error:
        raise ConfigError(f"{path}: {sentence(error, at='config')}") from error
