"""The tables of schema `hologram`: the one place that says what a column is. Feeds the DDL and Dagster's column schema.

Times are UTC `TIMESTAMP`, ids and bytes `BIGINT`, money `DECIMAL`. There are no primary keys and no `ON CONFLICT`, so
that the same SQL runs on a DuckDB file and on DuckLake; keys are kept by the writes and proved by the checks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SCHEMA = "hologram"

# Unit prices keep nine places: older plans carry more than the usual six, and rounding a rate multiplies by megabytes.
_RATE = "DECIMAL(18,9)"
_USD = "DECIMAL(18,6)"


@dataclass(frozen=True)
class Column:
    """One column: its SQL type and what it holds, with the unit."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Table:
    """One table: its grain in words, the key columns that make a row unique, and its columns."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def qualified(self) -> str:
        """`hologram.<name>`."""
        return f"{SCHEMA}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(column.name for column in self.columns)


def _table(name: str, grain: str, key: str, columns: str) -> Table:
    """Read `name TYPE description` lines; `org_id` and `day` come first in every table."""
    head = (
        Column("org_id", "BIGINT", "Hologram organisation"),
        Column("day", "DATE", "UTC day of the partition"),
    )
    read = (line.strip().split(maxsplit=2) for line in columns.strip().splitlines())
    return Table(name, grain, tuple(key.split()), head + tuple(Column(*parts) for parts in read))


RAW_SESSIONS = _table(
    "raw_sessions",
    "one closed data session",
    "org_id record_id",
    """
    record_id BIGINT Hologram's id of the session
    linkid BIGINT SIM
    session_begin TIMESTAMP start of the session (UTC)
    session_end TIMESTAMP end of the session (UTC), the API's `timestamp`; `day` is its date
    bytes BIGINT bytes up and down
    imei VARCHAR IMEI of the device
    imeisv VARCHAR IMEI with software version
    cellid BIGINT cell
    lac BIGINT location area code
    radio_access_technology VARCHAR RAT as Hologram writes it
    network_name VARCHAR visited network as Hologram writes it
    country VARCHAR visited country, where the API tells it
    simcardid BIGINT physical SIM card
    profile_name VARCHAR SIM profile
    data_plan_id BIGINT plan at the time of the session, where the API tells it
    extra VARCHAR JSON object of the fields that are not known to this version
    fetched_at TIMESTAMP when the stored version was fetched (UTC)
    """,
)

BILLING_PERIODS = _table(
    "billing_periods",
    "one SIM's billing period with Hologram's newest total; `day` is the day it ends",
    "org_id linkid period_end",
    """
    linkid BIGINT SIM
    period_end TIMESTAMP end of the period (UTC, exclusive); ends within 12 hours are one period
    periods_back INTEGER 0 was the running period when fetched
    bytes BIGINT Hologram's total for the period
    fetched_at TIMESTAMP when the total was fetched (UTC); provisional if before `period_end`
    """,
)

BILLING_USAGE = _table(
    "billing_usage",
    "one SIM's billing period in force at the end of the day",
    "org_id day linkid",
    """
    linkid BIGINT SIM
    period_start TIMESTAMP start of the period (UTC)
    period_end TIMESTAMP end of the period (UTC, exclusive)
    periods_back INTEGER 0 was the running period when fetched
    bytes BIGINT Hologram's total for the period, as of `fetched_at`
    fetched_at TIMESTAMP when the total was fetched (UTC)
    """,
)

CLOSED_PERIODS = _table(
    "closed_periods",
    "one ended billing period of a SIM; `day` is the day it ended",
    "org_id linkid period_end",
    """
    linkid BIGINT SIM
    plan_id BIGINT plan at the period's end
    period_start TIMESTAMP start of the period (UTC)
    period_end TIMESTAMP end of the period (UTC, exclusive)
    session_bytes BIGINT bytes of the stored sessions that ended in the period
    hologram_bytes BIGINT Hologram's total, fetched after the period's end; null if unknown
    usage_source VARCHAR what was priced: sessions, billing, or incomplete (nothing was)
    included_bytes BIGINT allowance
    billable_bytes BIGINT bytes beyond the allowance, rounded up to the billed increment
    overage_cost DECIMAL(18,6) USD beyond the allowance
    usage_charge DECIMAL(18,6) USD for pay-as-you-go usage
    recurring_amount DECIMAL(18,6) USD of the plan for the period
    reconciled BOOLEAN sessions and Hologram's total agree; null if one of them is not whole
    pricing_status VARCHAR priced, unknown_plan, variable_rate, pooled, zone_not_offered
    corrected_at TIMESTAMP when a number of this row last changed after it was first stored (UTC)
    """,
)

CLOSED_PERIOD_CORRECTIONS = _table(
    "closed_period_corrections",
    "one superseded version of a closed period's numbers",
    "org_id linkid period_end superseded_at",
    """
    linkid BIGINT SIM
    period_end TIMESTAMP end of the period (UTC, exclusive)
    session_bytes BIGINT bytes of the stored sessions, before
    hologram_bytes BIGINT Hologram's total, before
    billable_bytes BIGINT billable bytes, before
    overage_cost DECIMAL(18,6) USD beyond the allowance, before
    usage_charge DECIMAL(18,6) USD for pay-as-you-go usage, before
    recurring_amount DECIMAL(18,6) USD of the plan, before
    superseded_at TIMESTAMP when these numbers were replaced (UTC)
    """,
)

PARTITION_LOADS = _table(
    "partition_loads",
    "one asset's partition, as it was last written; a day that is not here was never loaded",
    "org_id day asset",
    """
    asset VARCHAR Dagster asset
    loaded_at TIMESTAMP when it was last written (UTC)
    looked_at TIMESTAMP when all of it was last asked for (UTC); later loads were of single SIMs
    complete_through TIMESTAMP all data of the organisation up to this moment was seen (UTC)
    rows BIGINT rows stored
    late_rows BIGINT rows that came after an earlier load had passed their time
    late_bytes BIGINT bytes of these rows; null where the partition has no usage
    late_rows_ever BIGINT late rows of all loads of the partition so far
    late_bytes_ever BIGINT bytes of these rows; null where the partition has no usage
    greatest_lateness_seconds BIGINT the longest that a late row lacked after its end, so far; null if none was late
    changed_rows BIGINT stored rows whose values changed
    missing_upstream BIGINT stored rows that the latest answer lacked; they stay
    new_rows BIGINT rows stored for the first time
    rejected_rows BIGINT rows of the latest answer that were set aside
    data_changed_at TIMESTAMP when a load last added or changed a row (UTC)
    run_id VARCHAR Dagster run of the latest load
    """,
)

REJECTED_ROWS = _table(
    "rejected_rows",
    "one row of the API that could not be stored, with its reason",
    "org_id asset raw",
    """
    asset VARCHAR Dagster asset that fetched it
    reason VARCHAR why it was set aside
    raw VARCHAR the row as JSON, without SIM secrets
    fetched_at TIMESTAMP when it was first seen (UTC)
    """,
)

PLAN_CATALOG = _table(
    "plan_catalog",
    "one price: plan, tier and zone (casefolded)",
    "org_id day plan_id tier zone",
    f"""
    plan_id BIGINT data plan
    name VARCHAR name of the plan
    tier VARCHAR pricing tier
    zone VARCHAR pricing zone, casefolded
    included_bytes BIGINT allowance per SIM and period in bytes; 0 is pay as you go
    recurring_amount {_USD} USD per SIM and period; null where the zone is not offered
    overage_rate_per_mb {_RATE} USD per MB (1,000,000 bytes) beyond the allowance
    sms_rate {_RATE} USD per outbound SMS
    is_offered BOOLEAN the plan has a price in this zone
    billingperiod INTEGER length of a period in intervals of 30 days
    coverage_region_id BIGINT coverage region
    is_current_tier BOOLEAN the tier that prices the organisation's SIMs
    is_dynamic_pool BOOLEAN usage is pooled over SIMs: no price per SIM
    use_variable_rates BOOLEAN rates vary: no price from this catalogue
    is_enabled BOOLEAN offered for new SIMs
    snapshot_basis VARCHAR own: fetched on the day; carried_back: fetched later
    fetched_at TIMESTAMP when it was fetched (UTC)
    """,
)

SIM_INVENTORY = _table(
    "sim_inventory",
    "one SIM",
    "org_id day linkid",
    """
    linkid BIGINT SIM
    simcardid BIGINT physical SIM card
    device_id BIGINT Hologram device
    device_name VARCHAR name of the device
    tags VARCHAR tags of the device, JSON
    iccid VARCHAR ICCID
    plan_id BIGINT data plan; 0 is unclaimed
    zone VARCHAR pricing zone as Hologram writes it
    state VARCHAR state as Hologram writes it
    overage_limit_bytes BIGINT bytes allowed beyond the plan before the SIM is paused; -1 none
    period_end TIMESTAMP end of the running period when fetched (UTC)
    snapshot_basis VARCHAR own: fetched on the day; carried_back: fetched later
    fetched_at TIMESTAMP when it was fetched (UTC)
    """,
)

DAILY_LINK_USAGE = _table(
    "daily_link_usage",
    "one SIM on one network, country, RAT and IMEI",
    "org_id day linkid network_name country radio_access_technology imei",
    """
    linkid BIGINT SIM
    network_name VARCHAR visited network
    country VARCHAR visited country
    radio_access_technology VARCHAR RAT as Hologram writes it
    imei VARCHAR IMEI of the device
    sessions BIGINT sessions that ended on the day
    zero_byte_sessions BIGINT of these, sessions without a byte
    bytes BIGINT bytes up and down
    first_seen TIMESTAMP end of the day's first session (UTC)
    last_seen TIMESTAMP end of the day's last session (UTC)
    """,
)

OVERAGE_REPORT = _table(
    "overage_report",
    "one SIM in its billing period, at the end of the day",
    "org_id day linkid",
    f"""
    linkid BIGINT SIM
    device_name VARCHAR name of the device
    plan_id BIGINT data plan
    plan_name VARCHAR name of the plan
    plan_changed_on DATE first day of the period on which the SIM was seen on this plan after another
    tier VARCHAR pricing tier
    zone VARCHAR pricing zone, casefolded
    period_start TIMESTAMP start of the billing period (UTC)
    period_end TIMESTAMP end of the billing period (UTC, exclusive)
    complete_through TIMESTAMP usage is counted up to this moment (UTC)
    usage_bytes BIGINT bytes of the period up to `complete_through`
    usage_source VARCHAR sessions, billing (Hologram's total), or incomplete: less than the whole
    included_bytes BIGINT allowance; 0 is pay as you go
    overage_bytes BIGINT bytes beyond the allowance; 0 for pay as you go
    billable_bytes BIGINT billed bytes: beyond the allowance, or all for pay as you go, rounded up to the increment
    overage_rate_per_mb {_RATE} USD per MB (1,000,000 bytes)
    overage_cost {_USD} USD beyond the allowance so far
    usage_charge {_USD} USD for pay-as-you-go usage so far
    recurring_amount {_USD} USD of the plan for the period
    projected_bytes BIGINT bytes expected at the period's end; null where usage or plan is not wholly known
    projected_bound_bytes BIGINT bytes that usage at the period's end stays below nine times out of ten
    projected_overage_cost {_USD} USD of overage that `projected_bytes` come to; 0 for pay as you go
    projected_usage_charge {_USD} USD that `projected_bytes` come to for pay as you go; else 0
    exhausted_on DATE day on which the allowance is expected to be used up; null if it was, or won't be in this period
    overage_limit_bytes BIGINT bytes allowed beyond the plan before the SIM is paused; -1 none, 0 not known
    max_exposure_cost {_USD} USD of overage at the limit, or so far if that is more; null without a limit or an allowance
    pct_used DOUBLE per cent of the allowance used
    status VARCHAR ok, at_risk, will_exceed, over, payg, unknown
    pricing_status VARCHAR priced, unknown_plan, variable_rate, pooled, zone_not_offered
    """,
)

NETWORK_CHANGES = _table(
    "network_changes",
    "one unexpected change of network, RAT, country or device; `day` is the day on which its condition was complete",
    "org_id change_id",
    """
    change_id VARCHAR the same for the same change, whenever it is computed
    linkid BIGINT SIM; null for a fleet incident, whose SIMs stand in `detail`
    rule VARCHAR rule that fired, like rat_downgrade or fleet_incident; the README lists them
    severity VARCHAR info, warn or critical
    previous VARCHAR network, RAT, country or IMEI before
    current VARCHAR network, RAT, country or IMEI now
    observed_at TIMESTAMP end of the session that completed the condition (UTC)
    record_id BIGINT that session
    detail VARCHAR JSON object of the numbers that say why
    """,
)

ALERTS = _table(
    "alerts",
    "one condition that holds at the end of the day, or ended on it",
    "org_id day alert_id",
    """
    alert_id VARCHAR the same on every day of the condition, whenever it is computed
    family VARCHAR overage or network
    rule VARCHAR rule that fired; the README lists them
    step INTEGER how far up the rule's ladder: per cent of the allowance, doublings of a spend; 0 without a ladder
    severity VARCHAR info, warn or critical
    linkid BIGINT SIM; null for a fleet incident
    subject VARCHAR the SIM or network that it is about
    state VARCHAR open, escalated (beyond its first step), resolved, accepted (the new normal), silenced
    opened_at TIMESTAMP since when the condition holds (UTC)
    event_time TIMESTAMP when it took its present step (UTC)
    resolved_at TIMESTAMP when it ended (UTC); null while it holds
    title VARCHAR what happened
    detail VARCHAR JSON object of the numbers that say why
    """,
)

PLAN_RECOMMENDATIONS = _table(
    "plan_recommendations",
    "one SIM of the day's report, on its own plan and on the cheapest of those it could have",
    "org_id day linkid",
    f"""
    linkid BIGINT SIM
    device_name VARCHAR name of the device
    plan_id BIGINT data plan
    plan_name VARCHAR name of the plan
    zone VARCHAR pricing zone, casefolded
    verdict VARCHAR recommended, or what speaks against it, like saving_too_small; the README lists them
    anomaly VARCHAR what is open on the SIM: rules of its alerts, usage_beyond_history; null if nothing is
    periods INTEGER closed periods that were judged
    highest_bytes BIGINT the largest usage in one of them
    forecast_bytes BIGINT usage at the end of the running period that it stays below nine times out of ten
    current_history_cost {_USD} USD of the closed periods on the SIM's plan, at the day's prices
    current_forecast_cost {_USD} USD of the running period at `forecast_bytes` on the SIM's plan
    best_plan_id BIGINT plan of the least cost in all and in neither view dearer than the SIM's own; its own if there is none
    best_plan_name VARCHAR its name
    best_history_cost {_USD} USD of the closed periods on that plan
    best_forecast_cost {_USD} USD of the running period at `forecast_bytes` on that plan
    saving_per_period {_USD} USD that the plan would have saved in the closed periods, on average
    saving_percent DOUBLE the same, per cent of the cost on the SIM's plan
    forecast_saving {_USD} USD that it would save in the running period at `forecast_bytes`
    recommended_plan_id BIGINT the best plan, where changing to it is recommended
    recommended_plan_name VARCHAR its name
    arithmetic VARCHAR how the verdict came about, in words and numbers
    upgrade_plan_id BIGINT larger plan that would cost least in the running period, where overage is expected
    upgrade_plan_name VARCHAR its name
    pay_overage_cost {_USD} USD of overage that is expected by the period's end on the SIM's plan
    upgrade_cost {_USD} USD that the larger plan costs instead: its higher recurring amount and what overage is left
    break_even_bytes BIGINT usage at the period's end from which the larger plan costs no more; null if none does
    break_even_on DATE day on which usage is expected to reach it; null if it won't in this period
    days_left DOUBLE days from the moment of the forecast to the period's end
    upgrade_advice VARCHAR upgrade_now, pay_overage; anomaly_open, alerts_missing: it costs less, but; null without overage
    """,
)

FLEET_SUMMARY = _table(
    "fleet_summary",
    "the SIMs of one plan (`scope` plan), and all (`scope` total), in the billing periods that run at the end of the day",
    "org_id day scope plan_id",
    f"""
    scope VARCHAR total or plan
    plan_id BIGINT data plan; null in the total, and for SIMs whose plan nobody knows
    plan_name VARCHAR name of the plan
    sims BIGINT SIMs of the day's report
    priced_sims BIGINT of these, SIMs whose usage has a cost; of what is known, where that is beyond the allowance already
    usage_bytes BIGINT bytes of their running periods so far
    projected_bytes BIGINT bytes expected at the periods' ends; as so far, where nothing is foreseen
    recurring_cost {_USD} USD of the plans for the running periods
    usage_charge {_USD} USD for pay-as-you-go usage so far
    overage_cost {_USD} USD beyond the allowances so far
    cost_to_date {_USD} USD of the three
    projected_usage_charge {_USD} USD for pay-as-you-go usage expected at the periods' ends
    projected_overage_cost {_USD} USD beyond the allowances expected at the periods' ends
    projected_cost {_USD} USD expected at the periods' ends, recurring amounts included
    bound_cost {_USD} USD if every SIM used what it stays below nine times out of ten: very likely more than it will cost
    sims_over BIGINT SIMs beyond their allowance
    sims_will_exceed BIGINT SIMs expected to be
    uncapped_sims BIGINT SIMs without an overage limit
    uncapped_cost {_USD} USD of overage of these so far
    uncapped_projected_cost {_USD} USD of overage of these expected at their periods' ends
    uncapped_bound_cost {_USD} USD of overage of these if each used what it stays below nine times out of ten
    limit_unknown_sims BIGINT SIMs whose overage limit nobody tells
    capped_exposure_cost {_USD} USD of overage if every SIM with a limit used all of it
    """,
)

FLEET_COST_CHANGES = _table(
    "fleet_cost_changes",
    "why the cost to date of a plan, and of all, differs from an earlier day's; the effects add up to the difference",
    "org_id day since scope plan_id",
    f"""
    since VARCHAR yesterday, or last_period: the same day of the period before
    compared_day DATE the earlier day
    scope VARCHAR total or plan
    plan_id BIGINT data plan; null in the total, and for SIMs whose plan nobody knows
    plan_name VARCHAR name of the plan
    before_cost {_USD} USD to date on the earlier day, as it stood when the day after it began
    late_corrections {_USD} USD by which that has changed since: late sessions, corrected totals
    sim_count {_USD} USD of SIMs that came, less those that are gone
    became_known {_USD} USD of SIMs whose usage or price was not known then and is now, less the other way round
    periods_begun {_USD} USD of usage and overage that ended with SIMs' periods: they count from zero again
    plan_mix {_USD} USD because SIMs are on other plans, at the earlier usage and prices
    rate {_USD} USD because prices are others, at the earlier usage
    usage_per_sim {_USD} USD because the same SIMs have used more or less
    after_cost {_USD} USD to date on the day
    """,
)

COST_EFFECTS = (
    "late_corrections", "sim_count", "became_known", "periods_begun", "plan_mix", "rate", "usage_per_sim",
)  # fmt: skip
"""The columns of `fleet_cost_changes` that lead from `before_cost` to `after_cost`."""

PUBLISHED_COSTS = _table(
    "published_costs",
    "a plan's cost to date as it stood when the next day began, never changed afterwards; days that came later have none",
    "org_id day plan_id",
    f"""
    plan_id BIGINT data plan; null for SIMs whose plan nobody knows
    cost_to_date {_USD} USD to date
    published_at TIMESTAMP when the next day was first summed up (UTC)
    """,
)

TABLES = (
    RAW_SESSIONS,
    BILLING_PERIODS,
    BILLING_USAGE,
    CLOSED_PERIODS,
    CLOSED_PERIOD_CORRECTIONS,
    PARTITION_LOADS,
    REJECTED_ROWS,
    PLAN_CATALOG,
    SIM_INVENTORY,
    DAILY_LINK_USAGE,
    OVERAGE_REPORT,
    NETWORK_CHANGES,
    ALERTS,
    PLAN_RECOMMENDATIONS,
    FLEET_SUMMARY,
    FLEET_COST_CHANGES,
    PUBLISHED_COSTS,
)


def schema_statements() -> list[str]:
    """DDL that creates the tables that are missing. Changes nothing else."""
    statements = [f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"]
    for table in TABLES:
        columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        statements.append(f"CREATE TABLE IF NOT EXISTS {table.qualified} ({columns})")
    return statements


def column_statements(lacking: Collection[tuple[str, str]]) -> list[str]:
    """DDL that adds columns, named as (table, column), to tables that an older version made."""
    return [
        f"ALTER TABLE {table.qualified} ADD COLUMN IF NOT EXISTS {column.name} {column.type}"
        for table in TABLES
        for column in table.columns
        if (table.name, column.name) in lacking
    ]
