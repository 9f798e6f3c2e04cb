-- What usage in a billing period costs, for any set of SIMs in periods. Shared by overage_report and closed_periods.
-- Grain: linkid, period_end. Input: temp table `usage` (linkid, period_start, period_end, usage_bytes, usage_source,
-- plan_id, zone) and plan_catalog of $price_day. Parameters: $org_id, $price_day, $increment, $mb.
-- Python reference: domain.pricing.charge and domain.usage.
CREATE OR REPLACE TEMP TABLE priced AS
WITH plans AS (
    SELECT
        plan_id,
        any_value(name) AS plan_name,
        any_value(tier) FILTER (WHERE is_current_tier) AS tier,
        max(included_bytes) AS included_bytes,
        bool_or(is_dynamic_pool) AS is_dynamic_pool,
        bool_or(use_variable_rates) AS use_variable_rates,
        -- A SIM whose zone nobody tells is in the plan's only zone, if it has just one.
        CASE WHEN count(*) FILTER (WHERE is_current_tier) = 1 THEN any_value(zone) FILTER (WHERE is_current_tier) END AS only_zone
    FROM hologram.plan_catalog
    WHERE org_id = $org_id AND day = $price_day
    GROUP BY plan_id
),
known AS (
    SELECT
        u.*,
        p.plan_name,
        p.tier,
        p.included_bytes,
        z.overage_rate_per_mb,
        z.recurring_amount,
        coalesce(z.zone, lower(u.zone)) AS priced_zone,
        CASE
            WHEN p.plan_id IS NULL THEN 'unknown_plan'
            WHEN p.is_dynamic_pool THEN 'pooled'
            WHEN p.use_variable_rates THEN 'variable_rate'
            WHEN z.is_offered IS NOT TRUE THEN 'zone_not_offered'
            ELSE 'priced'
        END AS pricing_status
    FROM usage AS u
    LEFT JOIN plans AS p ON p.plan_id = u.plan_id
    LEFT JOIN hologram.plan_catalog AS z
        ON z.org_id = $org_id AND z.day = $price_day AND z.plan_id = u.plan_id AND z.is_current_tier
        AND z.zone = coalesce(lower(u.zone), p.only_zone)
),
judged AS (
    SELECT
        *,
        CASE
            WHEN pricing_status IN ('unknown_plan', 'pooled') OR usage_bytes IS NULL THEN 'unknown'
            WHEN usage_source = 'incomplete' AND included_bytes > 0 AND usage_bytes > included_bytes THEN 'over'
            WHEN usage_source = 'incomplete' THEN 'unknown'
            WHEN included_bytes = 0 THEN 'payg'
            WHEN usage_bytes > included_bytes THEN 'over'
            ELSE 'ok'
        END AS status
    FROM known
),
measured AS (
    SELECT
        *,
        CASE WHEN status <> 'unknown' THEN greatest(0, usage_bytes - included_bytes) END AS over_bytes
    FROM judged
),
billed AS (
    SELECT *, billable_bytes(over_bytes, $increment) AS billable_bytes FROM measured
),
costed AS (
    SELECT
        *,
        CASE WHEN pricing_status = 'priced' THEN usd(billable_bytes, overage_rate_per_mb, $mb) END AS cost
    FROM billed
)
SELECT
    linkid,
    period_start,
    period_end,
    usage_bytes,
    usage_source,
    plan_id,
    plan_name,
    tier,
    priced_zone AS zone,
    included_bytes,
    CASE WHEN included_bytes = 0 AND over_bytes IS NOT NULL THEN 0 ELSE over_bytes END AS overage_bytes,
    billable_bytes,
    overage_rate_per_mb,
    CASE WHEN included_bytes = 0 AND cost IS NOT NULL THEN 0 ELSE cost END AS overage_cost,
    CASE WHEN included_bytes > 0 AND cost IS NOT NULL THEN 0 ELSE cost END AS usage_charge,
    CASE WHEN pricing_status IN ('priced', 'variable_rate', 'pooled') THEN recurring_amount END AS recurring_amount,
    status,
    pricing_status
FROM costed
