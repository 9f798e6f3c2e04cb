-- SIMs without an overage limit: those whose overage is or will be largest, and then those that have used most of their
-- allowance. Grain: linkid. Parameters: $org_id, $day, $most.
SELECT linkid, device_name, plan_name, overage_cost, projected_overage_cost, pct_used
FROM hologram.overage_report
WHERE org_id = $org_id AND day = $day AND overage_limit_bytes = -1
ORDER BY
    greatest(coalesce(overage_cost, 0), coalesce(projected_overage_cost, 0)) DESC,
    pct_used DESC NULLS LAST,
    linkid
LIMIT $most
