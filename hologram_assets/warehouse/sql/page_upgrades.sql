-- SIMs for which a larger plan costs less in the running period than their overage. Grain: linkid.
-- Parameters: $org_id, $day, $most. Where something is wrong on the SIM (anomaly_open), a larger plan is no remedy.
SELECT
    linkid, device_name, plan_name, upgrade_plan_name, coalesce(pay_overage_cost, 0), coalesce(upgrade_cost, 0),
    break_even_on, days_left
FROM hologram.plan_recommendations
WHERE org_id = $org_id AND day = $day AND upgrade_advice = 'upgrade_now'
ORDER BY pay_overage_cost - upgrade_cost DESC NULLS LAST, linkid
LIMIT $most
