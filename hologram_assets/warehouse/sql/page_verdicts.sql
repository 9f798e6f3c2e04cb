-- The plan recommendations of a day, counted. Grain: verdict. Parameters: $org_id, $day.
SELECT
    verdict,
    count(*),
    coalesce(sum(saving_per_period) FILTER (WHERE verdict = 'recommended'), 0) AS saving,
    count(*) FILTER (WHERE upgrade_advice = 'upgrade_now') AS upgrades
FROM hologram.plan_recommendations
WHERE org_id = $org_id AND day = $day
GROUP BY verdict
ORDER BY count(*) DESC, verdict
