"""The environment, read and validated once; every error names the variable and says what to set.

`build_defs` and the command line are the only readers: everything below them gets plain values.
Names and defaults are the contract of the README's settings table.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.inventory import PlanAssignment
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.overage_alerts import OverageRules
from hologram_assets.domain.pricing import PricingRules

T = TypeVar("T")
_RULE_PARTS = ("forecast", "network", "overage", "pricing")
BillingMode = Literal["sim_30d", "calendar_month"]
_PER_ORG = {
    "billing_modes": "HOLOGRAM_BILLING_MODE_",
    "slack_channels": "SLACK_CHANNEL_",
}


class SettingsError(ValueError):
    """The environment can't be used; the text names each variable and what is wrong with it."""


class Settings(BaseSettings):
    """All settings but the API keys, which only the Hologram resource reads.

    Field names are the variables' names in lower case; per-organisation variants are mappings by organisation.
    """

    model_config = SettingsConfigDict(env_prefix="", extra="ignore", frozen=True, env_ignore_empty=True)

    hologram_base_url: str = "https://dashboard.hologram.io/api/1"
    hologram_org_ids: Annotated[tuple[int, ...], NoDecode] = ()
    hologram_start_date: date = date(2025, 1, 1)
    hologram_warehouse: str = "data/hologram.duckdb"
    hologram_page_size: int = Field(250, ge=1, le=5000)
    hologram_max_connections: int = Field(8, ge=1, le=64)
    hologram_requests_per_second: float | None = Field(None, gt=0, allow_inf_nan=False)
    hologram_timeout_seconds: float = Field(120, gt=0, allow_inf_nan=False)
    hologram_window_margin_hours: float = Field(24, ge=0, le=24 * 90, allow_inf_nan=False)
    hologram_retention_days: int = Field(90, ge=1)
    hologram_plan_assignments: Path | None = None
    hologram_rules_file: Path | None = None
    hologram_billing_mode: BillingMode = "sim_30d"
    billing_modes: Mapping[int, BillingMode] = Field(default_factory=dict)
    slack_bot_token: SecretStr | None = None
    slack_channel: str | None = None
    slack_channels: Mapping[int, str] = Field(default_factory=dict)
    slack_base_url: str = "https://slack.com/api/"
    dagster_webserver_url: str | None = None

    @field_validator("hologram_org_ids", mode="before")
    @classmethod
    def _split_org_ids(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = [part.strip() for part in value.split(",") if part.strip()]
        bad = [part for part in parts if not (part.isascii() and part.isdigit()) or int(part) == 0]
        if bad:
            msg = f"{bad[0]!r} is not an organisation id; write ids separated by commas, like 144,145"
            raise ValueError(msg)
        return tuple(dict.fromkeys(int(part) for part in parts))

    @field_validator("hologram_base_url", "slack_base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            msg = "must be an http or https URL"
            raise ValueError(msg)
        if parts.username or parts.password or parts.query:
            msg = "must not carry a user, a key or a query; the key belongs into HOLOGRAM_API_KEY"
            raise ValueError(msg)
        return value.rstrip("/")

    @field_validator("hologram_warehouse")
    @classmethod
    def _is_duckdb_file(cls, value: str) -> str:
        if "://" in value or value.startswith("ducklake:"):
            msg = f"{value.partition(':')[0]!r} is not supported by this version; give the path of a DuckDB file"
            raise ValueError(msg)
        return str(Path(value).expanduser().absolute())

    @model_validator(mode="before")
    @classmethod
    def _gather_per_org(cls, values: Any) -> Any:
        """Collect `…_<ORGID>` variables, which pydantic-settings has no notion of."""
        environment = values.pop("_environment", os.environ) if isinstance(values, dict) else os.environ
        for name, prefix in _PER_ORG.items():
            found = {
                variable.removeprefix(prefix): value
                for variable, value in environment.items()
                if variable.startswith(prefix) and value
            }
            for org in list(found):
                if not org.isdigit() and not prefix.startswith("HOLOGRAM_"):
                    del found[org]  # SLACK_CHANNEL_… may be another program's
                elif not org.isdigit():
                    msg = f"{prefix}{org}: {org!r} is not an organisation id"
                    raise ValueError(msg)
            values.setdefault(name, {int(org): value for org, value in found.items()})
        return values

    def billing_mode(self, org_id: int) -> BillingMode:
        """`sim_30d`, or `calendar_month` for invoiced organisations; `HOLOGRAM_BILLING_MODE_<ORGID>` wins."""
        return self.billing_modes.get(org_id, self.hologram_billing_mode)

    def plan_assignments(self) -> tuple[PlanAssignment, ...]:
        """The rows of `HOLOGRAM_PLAN_ASSIGNMENTS` (CSV `linkid,plan_id,zone`), for keys that may not read links.

        Raises:
            SettingsError: the file is missing, or a line isn't `linkid,plan_id,zone`; the text has file and line.
        """
        path = self.hologram_plan_assignments
        if path is None:
            return ()
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"HOLOGRAM_PLAN_ASSIGNMENTS: {path} can't be read: {error}"
            raise SettingsError(msg) from error
        assignments: dict[int, PlanAssignment] = {}
        reader = csv.DictReader(lines)
        if reader.fieldnames is None or not {"linkid", "plan_id"} <= set(reader.fieldnames):
            msg = f"HOLOGRAM_PLAN_ASSIGNMENTS: {path} line 1: the header must be linkid,plan_id,zone"
            raise SettingsError(msg)
        for row in reader:
            try:
                linkid, plan_id = int(row["linkid"]), int(row["plan_id"])
            except (TypeError, ValueError):
                msg = (
                    f"HOLOGRAM_PLAN_ASSIGNMENTS: {path} line {reader.line_num}: "
                    f"linkid and plan_id must be whole numbers"
                )
                raise SettingsError(msg) from None
            assignments[linkid] = PlanAssignment(linkid, plan_id, (row.get("zone") or "").strip() or None)
        return tuple(assignments.values())

    def pricing_rules(self) -> PricingRules:
        """The `pricing` part of `HOLOGRAM_RULES_FILE`.

        Raises:
            SettingsError: the file can't be read, or has a name or value that is not known.
        """
        return self._rules("pricing", PricingRules)

    def forecast_rules(self) -> ForecastRules:
        """The `forecast` part of `HOLOGRAM_RULES_FILE`.

        Raises:
            SettingsError: the file can't be read, or has a name or value that is not known.
        """
        return self._rules("forecast", ForecastRules)

    def overage_rules(self) -> OverageRules:
        """The `overage` part of `HOLOGRAM_RULES_FILE`.

        Raises:
            SettingsError: the file can't be read, or has a name or value that is not known.
        """
        return self._rules("overage", OverageRules)

    def network_rules(self) -> NetworkRules:
        """The `network` part of `HOLOGRAM_RULES_FILE`.

        Raises:
            SettingsError: the file can't be read, or has a name or value that is not known.
        """

        def made(**values: Any) -> NetworkRules:
            models = values.get("shared_imei_allowed_models")
            if isinstance(models, list):
                values["shared_imei_allowed_models"] = frozenset(str(model) for model in models)
            return NetworkRules(**values)

        return self._rules("network", made)

    def _rules(self, part: str, made: Callable[..., T]) -> T:
        """A part of the rules file (YAML) as what `made` makes of it; its defaults without a file or part."""
        path = self.hologram_rules_file
        if path is None:
            return made()
        try:
            document = _mapping(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, "the file", _RULE_PARTS)
            return made(**_mapping(document.get(part) or {}, part))
        except (OSError, yaml.YAMLError, TypeError, ValueError) as error:
            msg = f"HOLOGRAM_RULES_FILE: {path}: {error}"
            raise SettingsError(msg) from error


def _mapping(value: object, name: str, keys: Collection[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = f"{name} must be a mapping, not {value!r}"
        raise TypeError(msg)
    unknown = sorted(str(key) for key in value if keys is not None and key not in keys)
    if unknown:
        msg = f"{name} has no part {unknown[0]!r}; there are {', '.join(keys or ())}"
        raise ValueError(msg)
    return value


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: with one line per variable that can't be used. Values of keys and tokens are never shown.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            variable = "_".join(str(part) for part in problem["loc"][:1]).upper()
            text = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{variable}: {text}" if variable else text)
        raise SettingsError("; ".join(lines)) from None
