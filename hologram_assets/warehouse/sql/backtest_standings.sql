-- What the forecasts of one midnight of the past start from, for forecast.sql. Grain: linkid.
-- Inputs: temp table `points` (backtest_points.sql); closed_periods, for the plan that each SIM was on in the latest of its
-- periods that had begun, so that all SIMs of a plan count for its rhythm, also those of which nothing is asked.
-- Parameters: $org_id, $as_of, $calendar_month (a month that began proves nothing about a SIM).
CREATE OR REPLACE TEMP TABLE standings AS
WITH begun AS (
    SELECT
        linkid,
        arg_max(plan_id, period_end) AS plan_id,
        CASE WHEN NOT $calendar_month THEN min(period_start) END AS known_since
    FROM hologram.closed_periods
    WHERE org_id = $org_id AND period_start < CAST($as_of AS DATE)
    GROUP BY linkid
)
SELECT
    b.linkid,
    b.plan_id,
    b.known_since,
    p.period_start,
    p.period_end,
    p.usage_bytes,
    -- Money is not asked for, and so no allowance.
    CAST(NULL AS BIGINT) AS included_bytes
FROM begun AS b
LEFT JOIN points AS p ON p.linkid = b.linkid AND p.as_of = $as_of
