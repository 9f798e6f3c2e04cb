-- How fresh each asset is. Grain: asset. Parameters: $org_id, $day, $first (of the days that are looked at).
SELECT
    asset,
    max(complete_through) FILTER (WHERE day = $day) AS complete_through,
    max(loaded_at) FILTER (WHERE day = $day) AS loaded_at,
    date_diff('day', CAST($first AS DATE), CAST($day AS DATE)) + 1 - count(DISTINCT day) AS missing_days,
    coalesce(sum(late_rows_ever), 0) AS late_rows,
    max(greatest_lateness_seconds) AS greatest_lateness_seconds
FROM hologram.partition_loads
WHERE org_id = $org_id AND day BETWEEN $first AND $day
GROUP BY asset
