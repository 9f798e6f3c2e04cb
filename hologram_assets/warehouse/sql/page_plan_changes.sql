-- SIMs that should change their plan, those that save most first. Grain: linkid. Parameters: $org_id, $day, $most.
WITH plans AS (
    SELECT plan_id, max(billingperiod) AS months FROM hologram.plan_catalog WHERE org_id = $org_id AND day = $day GROUP BY plan_id
)
SELECT
    linkid, device_name, plan_name, recommended_plan_name, coalesce(saving_per_period, 0), saving_percent, forecast_saving,
    coalesce(months, 1), coalesce(periods, 0), coalesce(arithmetic, '')
FROM hologram.plan_recommendations
LEFT JOIN plans USING (plan_id)
WHERE org_id = $org_id AND day = $day AND verdict = 'recommended'
ORDER BY saving_per_period DESC NULLS LAST, linkid
LIMIT $most
