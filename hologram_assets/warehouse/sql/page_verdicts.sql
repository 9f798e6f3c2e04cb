-- The plan recommendations of a day, counted. Grain: verdict. Parameters: $org_id, $day.
-- Savings per period add up where periods are as long: those of one month. A recommended plan's are as long as the SIM's own.
WITH plans AS (
    SELECT plan_id, max(billingperiod) AS months FROM hologram.plan_catalog WHERE org_id = $org_id AND day = $day GROUP BY plan_id
)
SELECT
    verdict,
    count(*),
    coalesce(sum(saving_per_period) FILTER (WHERE verdict = 'recommended' AND coalesce(months, 1) = 1), 0) AS saving,
    count(*) FILTER (WHERE verdict = 'recommended' AND months <> 1) AS longer,
    count(*) FILTER (WHERE upgrade_advice = 'upgrade_now') AS upgrades
FROM hologram.plan_recommendations
LEFT JOIN plans USING (plan_id)
WHERE org_id = $org_id AND day = $day
GROUP BY verdict
ORDER BY count(*) DESC, verdict
