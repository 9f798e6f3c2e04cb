-- The closed periods of the day, priced. Grain: linkid, period_end. Inputs: temp tables `priced` and `usage`
-- (closed_usage.sql, then priced_usage.sql). Parameters: $org_id, $day. A period that is not whole has no price.
CREATE OR REPLACE TEMP TABLE closed AS
SELECT
    CAST($org_id AS BIGINT) AS org_id,
    CAST($day AS DATE) AS day,
    p.linkid,
    p.plan_id,
    p.period_start,
    p.period_end,
    u.session_bytes,
    u.hologram_bytes,
    p.usage_source,
    p.included_bytes,
    CASE WHEN p.usage_source <> 'incomplete' THEN p.billable_bytes END AS billable_bytes,
    CASE WHEN p.usage_source <> 'incomplete' THEN p.overage_cost END AS overage_cost,
    CASE WHEN p.usage_source <> 'incomplete' THEN p.usage_charge END AS usage_charge,
    p.recurring_amount,
    CASE WHEN u.all_days THEN u.session_bytes = u.hologram_bytes END AS reconciled,
    p.pricing_status
FROM priced AS p
JOIN usage AS u ON u.linkid = p.linkid AND u.period_end = p.period_end
