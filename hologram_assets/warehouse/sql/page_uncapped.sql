-- SIMs without an overage limit: those whose overage, or usage on pay as you go, is or will be largest, and then those that
-- have used most of their allowance. Grain: linkid. Parameters: $org_id, $day, $most.
SELECT
    linkid, device_name, plan_name, status,
    overage_cost + coalesce(usage_charge, 0) AS cost,
    projected_overage_cost + coalesce(projected_usage_charge, 0) AS expected,
    pct_used
FROM hologram.overage_report
WHERE org_id = $org_id AND day = $day AND overage_limit_bytes = -1
ORDER BY greatest(coalesce(cost, 0), coalesce(expected, 0)) DESC, pct_used DESC NULLS LAST, linkid
LIMIT $most
