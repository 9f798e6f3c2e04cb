-- The day's report. Grain: linkid. Inputs: temp tables `priced` (report_usage.sql, then priced_usage.sql) and `forecasts`
-- (report_standings.sql, then forecast.sql); the day's sim_inventory.
-- Parameters: $org_id, $day, $complete_through, $increment, $mb, $quiet_days, $loud_share.
-- Python reference: domain.forecast.outlook for the status, domain.pricing for what a projection costs.
WITH history AS (
    SELECT linkid, day, plan_id, lag(plan_id) OVER (PARTITION BY linkid ORDER BY day) AS plan_before
    FROM hologram.sim_inventory
    WHERE org_id = $org_id AND day BETWEEN CAST($day AS DATE) - 400 AND CAST($day AS DATE) AND snapshot_basis = 'own'
),
changes AS (
    SELECT h.linkid, max(h.day) AS plan_changed_on
    FROM history AS h
    JOIN priced AS p ON p.linkid = h.linkid AND h.day >= CAST(p.period_start AS DATE)
    WHERE h.plan_id <> h.plan_before
    GROUP BY h.linkid
),
projected AS (
    SELECT
        f.*,
        CASE
            WHEN p.pricing_status = 'priced'
                THEN usd(
                    billable_bytes(greatest(0, f.projected_bytes - p.included_bytes), $increment),
                    p.overage_rate_per_mb, $mb)
        END AS cost,
        CASE
            WHEN p.status <> 'ok' THEN p.status
            WHEN f.elapsed_days < $quiet_days AND p.usage_bytes < $loud_share * p.included_bytes THEN 'ok'
            WHEN f.projected_bytes > p.included_bytes THEN 'will_exceed'
            WHEN f.projected_bound_bytes > p.included_bytes THEN 'at_risk'
            ELSE 'ok'
        END AS status
    FROM forecasts AS f
    JOIN priced AS p ON p.linkid = f.linkid
)
SELECT
    CAST($org_id AS BIGINT) AS org_id,
    CAST($day AS DATE) AS day,
    p.linkid,
    i.device_name,
    p.plan_id,
    p.plan_name,
    c.plan_changed_on,
    p.tier,
    p.zone,
    p.period_start,
    p.period_end,
    CAST($complete_through AS TIMESTAMP) AS complete_through,
    p.usage_bytes,
    p.usage_source,
    p.included_bytes,
    p.overage_bytes,
    p.billable_bytes,
    p.overage_rate_per_mb,
    p.overage_cost,
    p.usage_charge,
    p.recurring_amount,
    f.projected_bytes,
    f.projected_bound_bytes,
    CASE WHEN p.included_bytes = 0 AND f.cost IS NOT NULL THEN 0 ELSE f.cost END AS projected_overage_cost,
    CASE WHEN p.included_bytes > 0 AND f.cost IS NOT NULL THEN 0 ELSE f.cost END AS projected_usage_charge,
    f.exhausted_on,
    i.overage_limit_bytes,
    -- Without an allowance there is no overage, and whether the limit then counts from the first byte nobody says.
    CASE
        WHEN p.pricing_status = 'priced' AND p.included_bytes > 0 AND i.overage_limit_bytes > 0
            THEN greatest(
                p.overage_cost, usd(billable_bytes(i.overage_limit_bytes, $increment), p.overage_rate_per_mb, $mb))
    END AS max_exposure_cost,
    CASE WHEN p.included_bytes > 0 THEN round(100.0 * p.usage_bytes / p.included_bytes, 2) END AS pct_used,
    coalesce(f.status, p.status) AS status,
    p.pricing_status
FROM priced AS p
LEFT JOIN projected AS f ON f.linkid = p.linkid
LEFT JOIN hologram.sim_inventory AS i ON i.org_id = $org_id AND i.day = $day AND i.linkid = p.linkid
LEFT JOIN changes AS c ON c.linkid = p.linkid
