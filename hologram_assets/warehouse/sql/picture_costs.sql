-- What each stored day added to an organisation's costs, and how its running periods stand at the end of the day.
-- Grain: day. Parameters: $org_id, $first, $last. DECIMAL throughout.
-- A SIM's cost grows within its period, so a day added what it grew by since the day before; with a new period it begins at
-- nothing. What an ended period cost on its last day is in no report: that is the closed period less the report before.
WITH loaded AS (
    SELECT day, complete_through
    FROM hologram.partition_loads
    WHERE org_id = $org_id AND asset = 'overage_report' AND day BETWEEN CAST($first AS DATE) - 1 AND CAST($last AS DATE)
),
report AS (
    SELECT day, linkid, period_end, overage_cost, usage_charge, projected_overage_cost + projected_usage_charge AS expected
    FROM hologram.overage_report
    WHERE org_id = $org_id AND day BETWEEN CAST($first AS DATE) - 1 AND CAST($last AS DATE)
),
standing AS (
    SELECT
        day,
        sum(overage_cost + usage_charge) AS so_far,
        sum(coalesce(expected, overage_cost + usage_charge)) AS expected
    FROM report
    GROUP BY day
),
-- Most SIMs cost nothing on any day; they need no comparing.
costly AS (
    SELECT * FROM report
    WHERE linkid IN (SELECT linkid FROM report WHERE (overage_cost + usage_charge) IS DISTINCT FROM 0)
),
-- The report before and after, of the days on which the SIM is in one. A join of the days with one another takes minutes
-- where this takes a second.
beside AS (
    SELECT
        *,
        lag(period_end) OVER sim AS earlier_end,
        lag(overage_cost) OVER sim AS earlier_overage,
        lag(usage_charge) OVER sim AS earlier_usage,
        lead(period_end) OVER sim AS later_end
    FROM costly
    WINDOW sim AS (PARTITION BY linkid ORDER BY day)
),
judged AS (
    SELECT
        *,
        coalesce(hours_between(earlier_end, period_end) < 12, FALSE) AS goes_on,
        coalesce(hours_between(later_end, period_end) < 12, FALSE) AS will_go_on
    FROM beside
),
parts AS (
    SELECT
        day,
        linkid,
        overage_cost - CASE WHEN goes_on THEN earlier_overage ELSE 0 END AS overage,
        usage_charge - CASE WHEN goes_on THEN earlier_usage ELSE 0 END AS usage
    FROM judged
    UNION ALL
    SELECT e.day + 1, e.linkid, c.overage_cost - e.overage_cost, c.usage_charge - e.usage_charge
    FROM judged AS e
    LEFT JOIN hologram.closed_periods AS c
        ON c.org_id = $org_id AND c.linkid = e.linkid AND c.day <= e.day + 1
        AND hours_between(c.period_end, e.period_end) < 12
    WHERE NOT e.will_go_on
),
added AS (
    SELECT
        day,
        sum(overage) AS overage,
        sum(usage) AS usage,
        count(DISTINCT linkid) FILTER (WHERE overage IS NULL OR usage IS NULL) AS left_out
    FROM parts
    GROUP BY day
)
SELECT
    l.day,
    CASE WHEN before.day IS NOT NULL THEN coalesce(a.overage, 0) END AS overage,
    CASE WHEN before.day IS NOT NULL THEN coalesce(a.usage, 0) END AS usage,
    coalesce(s.so_far, 0) AS so_far,
    coalesce(s.expected, 0) AS expected,
    coalesce(a.left_out, 0) AS left_out,
    l.complete_through
FROM loaded AS l
LEFT JOIN loaded AS before ON before.day = l.day - 1
LEFT JOIN standing AS s ON s.day = l.day
LEFT JOIN added AS a ON a.day = l.day
WHERE l.day >= CAST($first AS DATE)
ORDER BY l.day
