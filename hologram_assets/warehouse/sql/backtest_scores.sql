-- How good the replayed forecasts were. Grain: age; a null age is all of them. Input: `replayed` (age, truth,
-- projected_bytes, projected_bound_bytes), an Arrow table. No parameters.
-- A truth of 0 has no error in per cent: it counts in the bias and below the bound, and is counted as silent.
SELECT
    age,
    count(*) AS forecasts,
    count(*) FILTER (WHERE truth = 0) AS silent,
    100 * median(abs(projected_bytes - truth) / truth) FILTER (WHERE truth > 0) AS median_error_pct,
    100 * CAST(sum(projected_bytes - truth) AS DOUBLE) / nullif(CAST(sum(truth) AS DOUBLE), 0) AS bias_pct,
    100 * avg(CASE WHEN truth <= projected_bound_bytes THEN 1 ELSE 0 END) AS covered_pct
FROM replayed
GROUP BY GROUPING SETS ((age), ())
ORDER BY age NULLS LAST
