-- How an organisation's SIMs stand at the end of a day. Grain: org_id. Parameters: $day, $orgs (empty: all).
-- An organisation is here if the day's report was stored, be it without a SIM.
WITH stored AS (
    SELECT org_id FROM hologram.partition_loads WHERE asset = 'overage_report' AND day = $day
    UNION
    SELECT DISTINCT org_id FROM hologram.overage_report WHERE day = $day
)
SELECT
    s.org_id,
    count(r.linkid) AS sims,
    count(*) FILTER (WHERE r.status = 'over') AS sims_over,
    count(*) FILTER (WHERE r.status = 'will_exceed') AS sims_will_exceed,
    count(r.linkid) FILTER (WHERE r.overage_cost IS NULL) AS sims_without_cost,
    count(*) FILTER (WHERE r.status <> 'ok') AS to_look_at,
    CAST(max(r.period_end) AS DATE) AS periods_end,
    s.org_id IN (SELECT org_id FROM hologram.partition_loads WHERE asset = 'alerts' AND day = $day) AS has_alerts
FROM stored AS s
LEFT JOIN hologram.overage_report AS r ON r.org_id = s.org_id AND r.day = $day
WHERE len(CAST($orgs AS BIGINT[])) = 0 OR list_contains(CAST($orgs AS BIGINT[]), s.org_id)
GROUP BY s.org_id
ORDER BY s.org_id
