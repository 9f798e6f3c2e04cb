-- The day's report. Grain: linkid. Inputs: temp table `priced` (report_usage.sql, then priced_usage.sql) and the
-- day's sim_inventory. Parameters: $org_id, $day, $complete_through.
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
    i.overage_limit_bytes,
    CASE WHEN p.included_bytes > 0 THEN round(100.0 * p.usage_bytes / p.included_bytes, 2) END AS pct_used,
    p.status,
    p.pricing_status
FROM priced AS p
LEFT JOIN hologram.sim_inventory AS i ON i.org_id = $org_id AND i.day = $day AND i.linkid = p.linkid
LEFT JOIN changes AS c ON c.linkid = p.linkid
