"""The environment, read and validated once; every error names the variable and says what to set.

`build_defs` and the command line are the only readers: everything below them gets plain values.
Names and defaults are the contract of the README's settings table.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hologram_assets.domain.alert_rules import AlertRules
from hologram_assets.domain.forecast import ForecastRules
from hologram_assets.domain.inventory import PlanAssignment
from hologram_assets.domain.network_rules import NetworkRules
from hologram_assets.domain.networks import default_network_aliases, network_aliases_with
from hologram_assets.domain.overage_rules import OverageRules
from hologram_assets.domain.pricing import PricingRules
from hologram_assets.domain.radio import default_rat_levels, rat_levels_with
from hologram_assets.domain.rules_file import RulesFile, read_rules
from hologram_assets.domain.silences import Silence, read_silences

T = TypeVar("T")
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
    hologram_new_org_days: int = Field(35, ge=0)
    hologram_automation: bool = True
    hologram_plan_assignments: Path | None = None
    hologram_rules_file: Path | None = None
    hologram_silences_file: Path | None = None
    hologram_reports: Path | None = None
    hologram_reports_kept: int = Field(14, ge=0)
    hologram_bi_copy: bool = True
    hologram_rat_levels_file: Path | None = None
    hologram_network_aliases_file: Path | None = None
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

    @field_validator("dagster_webserver_url")
    @classmethod
    def _is_webserver_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.strip().rstrip("/")
        parts = urlsplit(value)
        # Slack refuses every message whose buttons lead to something else.
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or " " in value:
            msg = "must be the http or https URL of the Dagster UI, like http://localhost:3000"
            raise ValueError(msg)
        return value

    @field_validator("slack_channel")
    @classmethod
    def _is_channel(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.strip():
            msg = "is blank; name a channel, like #iot-alerts, or unset it"
            raise ValueError(msg)
        return value.strip()

    @field_validator("hologram_warehouse")
    @classmethod
    def _is_duckdb_file(cls, value: str) -> str:
        if "://" in value or value.startswith("ducklake:"):
            msg = f"{value.partition(':')[0]!r} is not supported by this version; give the path of a DuckDB file"
            raise ValueError(msg)
        return str(Path(value).expanduser().absolute())

    @model_validator(mode="after")
    def _copy_is_no_warehouse(self) -> Self:
        if Path(self.hologram_warehouse) == self.reports_folder / "current.duckdb":
            msg = "HOLOGRAM_REPORTS: its current.duckdb is a copy for BI, and here the warehouse itself; name another folder"
            raise ValueError(msg)
        return self

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
            for org, value in found.items():
                if not value.strip():
                    msg = f"{prefix}{org}: is blank; give it a value, or unset it"
                    raise ValueError(msg)
            values.setdefault(name, {int(org): value.strip() for org, value in found.items()})
        return values

    def billing_mode(self, org_id: int) -> BillingMode:
        """`sim_30d`, or `calendar_month` for invoiced organisations; `HOLOGRAM_BILLING_MODE_<ORGID>` wins."""
        return self.billing_modes.get(org_id, self.hologram_billing_mode)

    @property
    def reports_folder(self) -> Path:
        """Where the copy for BI and the pages are published: `HOLOGRAM_REPORTS`, or `reports` beside the warehouse."""
        chosen = self.hologram_reports
        return Path(self.hologram_warehouse).parent / "reports" if chosen is None else chosen.expanduser().absolute()

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

    @cached_property
    def rules(self) -> RulesFile:
        """What `HOLOGRAM_RULES_FILE` says, for all organisations; read once. The defaults without a file.

        Raises:
            SettingsError: the file can't be read, or has a name or value that is not known, for whichever organisation.
                The text has file, line, part and reason.
        """
        path = self.hologram_rules_file
        return RulesFile() if path is None else _read("HOLOGRAM_RULES_FILE", path, read_rules)

    def pricing_rules(self, org_id: int | None = None) -> PricingRules:
        """How Hologram measures for an organisation; None for the rules that are common. Raises as `rules` does."""
        return self.rules.of(org_id).pricing

    def forecast_rules(self, org_id: int | None = None) -> ForecastRules:
        """The forecast's rules for an organisation; None for the common ones. Raises as `rules` does."""
        return self.rules.of(org_id).forecast

    def overage_rules(self, org_id: int | None = None) -> OverageRules:
        """The overage rules for an organisation; None for the common ones. Raises as `rules` does."""
        return self.rules.of(org_id).overage

    def network_rules(self, org_id: int | None = None) -> NetworkRules:
        """The network and RAT rules for an organisation; None for the common ones. Raises as `rules` does."""
        return self.rules.of(org_id).network

    def alert_rules(self) -> Callable[[int], AlertRules]:
        """What alerts are judged by, as a function of the organisation; every file is read now.

        Raises:
            SettingsError: as `rules`, `rat_levels`, `network_aliases` and `silences` do.
        """
        rules, levels, aliases, silences = self.rules, self.rat_levels(), self.network_aliases(), self.silences()
        return lambda org_id: AlertRules(rules.of(org_id).overage, rules.of(org_id).network, levels, aliases, silences)

    def silences(self) -> tuple[Silence, ...]:
        """The silences of `HOLOGRAM_SILENCES_FILE`; none without a file.

        Raises:
            SettingsError: the file can't be read, or an entry makes no sense; the text has file, line and reason.
        """
        path = self.hologram_silences_file
        return () if path is None else _read("HOLOGRAM_SILENCES_FILE", path, read_silences)

    def rat_levels(self) -> Mapping[str, int]:
        """RAT (casefolded) to level: the shipped table, and over it the rows of `HOLOGRAM_RAT_LEVELS_FILE`.

        Raises:
            SettingsError: the file can't be read, or a line isn't `rat,level`; the text has file, line and reason.
        """
        path = self.hologram_rat_levels_file
        if path is None:
            return default_rat_levels()
        return _read("HOLOGRAM_RAT_LEVELS_FILE", path, lambda text: rat_levels_with(text.splitlines()))

    def network_aliases(self) -> Mapping[str, str]:
        """Folded alias to folded network: the shipped table, and over it the rows of `HOLOGRAM_NETWORK_ALIASES_FILE`.

        Raises:
            SettingsError: the file can't be read, or a line isn't `alias,network`; the text has file, line and reason.
        """
        path = self.hologram_network_aliases_file
        if path is None:
            return default_network_aliases()
        return _read("HOLOGRAM_NETWORK_ALIASES_FILE", path, lambda text: network_aliases_with(text.splitlines()))


def _read(variable: str, path: Path, read: Callable[[str], T]) -> T:
    """What `read` makes of a file; its errors say the line and the reason."""
    try:
        return read(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{variable}: {path} can't be read: {error}"
        raise SettingsError(msg) from error
    except (ValueError, csv.Error) as error:
        msg = f"{variable}: {path} {error}"
        raise SettingsError(msg) from error


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
