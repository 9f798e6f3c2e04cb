-- How SIMs stood day by day in the billing period that is in force on the day, or that ended on it.
-- Grain: linkid, period_end, day. Inputs: overage_report up to the day, closed_periods of the day.
-- Parameters: $org_id, $day, $share (the lowest step, as a share of the allowance), $overage_usd, $payg_usd: only SIMs
-- that ever came near one of the rules are returned, so that a fleet of quiet SIMs costs one scan.
WITH current_periods AS (
    SELECT linkid, device_name, plan_id, plan_name, included_bytes, period_end, FALSE AS ended
    FROM hologram.overage_report
    WHERE org_id = $org_id AND day = $day AND status <> 'unknown'
    UNION ALL
    SELECT c.linkid, r.device_name, c.plan_id, r.plan_name, c.included_bytes, c.period_end, TRUE
    FROM hologram.closed_periods AS c
    LEFT JOIN hologram.overage_report AS r
        ON r.org_id = $org_id AND r.day = $day AND r.linkid = c.linkid AND r.plan_id = c.plan_id
    WHERE c.org_id = $org_id AND c.day = $day AND c.included_bytes IS NOT NULL AND c.pricing_status <> 'pooled'
),
standings AS (
    SELECT
        p.*,
        r.day,
        least(r.complete_through, CAST(r.day AS TIMESTAMP) + INTERVAL 1 DAY) AS as_of,
        r.usage_bytes,
        r.projected_bytes,
        r.projected_overage_cost,
        r.usage_charge
    FROM current_periods AS p
    JOIN hologram.overage_report AS r
        ON r.org_id = $org_id AND r.linkid = p.linkid AND r.plan_id = p.plan_id
        AND r.included_bytes = p.included_bytes AND hours_between(r.period_end, p.period_end) < 12
    WHERE r.day BETWEEN CAST($day AS DATE) - 400 AND CAST($day AS DATE)
      AND r.status <> 'unknown' AND r.usage_bytes IS NOT NULL
    UNION ALL
    -- The hours of the day before the period ended are in no report: the closed period has them.
    SELECT p.*, c.day, c.period_end, greatest(c.session_bytes, c.hologram_bytes), NULL, NULL, c.usage_charge
    FROM current_periods AS p
    JOIN hologram.closed_periods AS c ON c.org_id = $org_id AND c.linkid = p.linkid AND c.period_end = p.period_end
    WHERE p.ended AND c.usage_source <> 'incomplete'
)
SELECT
    linkid, device_name, plan_id, plan_name, included_bytes, period_end, ended,
    day, coalesce(as_of, CAST(day AS TIMESTAMP) + INTERVAL 1 DAY) AS as_of, usage_bytes, projected_bytes,
    projected_overage_cost, usage_charge
FROM standings
QUALIFY bool_or(
    (included_bytes > 0 AND usage_bytes >= included_bytes * CAST($share AS DECIMAL(9, 4)))
    OR projected_overage_cost >= $overage_usd
    OR (included_bytes = 0 AND usage_charge > $payg_usd)
) OVER (PARTITION BY linkid, period_end)
ORDER BY linkid, period_end, day, as_of
