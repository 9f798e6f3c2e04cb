-- Report rows of the SIMs that came near one of the overage rules in a period that runs on the day or ended on it.
-- Grain: linkid, day; ordered by both. Input: overage_report of the days from $first to $day.
-- Parameters: $org_id, $first, $day, $share (the lowest step as a share of the allowance), $overage_usd, $payg_usd: of a
-- fleet of quiet SIMs next to nothing leaves the database. Python reference: domain.overage_standings.
WITH history AS (
    SELECT *
    FROM hologram.overage_report
    WHERE org_id = $org_id AND day BETWEEN $first AND $day
      AND plan_id IS NOT NULL AND included_bytes IS NOT NULL AND pricing_status <> 'pooled'
      AND period_end >= CAST($day AS TIMESTAMP) - INTERVAL 12 HOUR
),
near AS (
    SELECT DISTINCT linkid
    FROM history
    WHERE (included_bytes > 0 AND usage_bytes >= included_bytes * CAST($share AS DECIMAL(9, 4)))
       OR projected_overage_cost >= CAST($overage_usd AS DECIMAL(18, 6))
       OR (included_bytes = 0 AND usage_charge > CAST($payg_usd AS DECIMAL(18, 6)))
    UNION
    SELECT linkid
    FROM hologram.closed_periods
    WHERE org_id = $org_id AND day = $day AND usage_source <> 'incomplete'
      AND (
          (included_bytes > 0 AND greatest(session_bytes, coalesce(hologram_bytes, 0)) >= included_bytes * CAST($share AS DECIMAL(9, 4)))
          OR (included_bytes = 0 AND usage_charge > CAST($payg_usd AS DECIMAL(18, 6))))
)
SELECT
    linkid, day, device_name, plan_id, plan_name, included_bytes, period_end, complete_through, status, usage_bytes,
    overage_cost, usage_charge, projected_bytes, projected_overage_cost
FROM history
SEMI JOIN near USING (linkid)
ORDER BY linkid, day
