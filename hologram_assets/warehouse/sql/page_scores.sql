-- How good the stored forecasts were: those in the reports of some days of a period, beside what became of it.
-- Grain: age (days into the period); a null age is all of them. Parameters: $org_id, $first, $last (days on which the periods
-- ended), $ages. Nothing is forecast anew: a report that was derived again since then counts as it is stored.
WITH ended AS (
    SELECT linkid, period_start, period_end, greatest(session_bytes, hologram_bytes) AS truth
    FROM hologram.closed_periods
    WHERE org_id = $org_id AND day BETWEEN $first AND $last
        AND usage_source <> 'incomplete' AND pricing_status = 'priced'
),
-- The report of the first day at whose end the SIM was so many days into its period, as `forecast backtest` takes it.
asked AS (
    SELECT
        e.*,
        a.age,
        CAST(e.period_start + to_days(CAST(a.age AS INTEGER)) - INTERVAL 1 MICROSECOND AS DATE) AS day
    FROM ended AS e
    CROSS JOIN (SELECT unnest(CAST($ages AS INTEGER[])) AS age) AS a
),
judged AS (
    SELECT a.age, a.truth, r.projected_bytes, r.projected_bound_bytes
    FROM asked AS a
    JOIN hologram.overage_report AS r
        ON r.org_id = $org_id AND r.day = a.day AND r.linkid = a.linkid AND hours_between(r.period_end, a.period_end) < 12
    WHERE r.projected_bytes IS NOT NULL AND r.projected_bound_bytes IS NOT NULL AND a.truth IS NOT NULL
)
SELECT
    age,
    count(*) AS forecasts,
    -- A truth of 0 has no error in per cent; it counts in the other numbers.
    100 * median(abs(projected_bytes - truth) / truth) FILTER (WHERE truth > 0) AS median_error,
    100 * CAST(sum(projected_bytes - truth) AS DOUBLE) / nullif(CAST(sum(truth) AS DOUBLE), 0) AS bias,
    100 * avg(CASE WHEN truth <= projected_bound_bytes THEN 1 ELSE 0 END) AS covered
FROM judged
GROUP BY GROUPING SETS ((age), ())
HAVING count(*) > 0
ORDER BY age NULLS LAST
