-- SIMs by how much of their allowance they have used. Grain: day, band, status; band is null where no per cent can be told.
-- Parameters: $org_id, $first, $last, $tenths, $over_up_to (per cents). Bands: pictures.usage.FleetUsage.
SELECT
    day,
    CASE
        WHEN status IN ('payg', 'unknown') THEN NULL
        WHEN usage_bytes > included_bytes
            THEN $tenths + len(list_filter(
                CAST($over_up_to AS BIGINT[]),
                lambda percent: CAST(usage_bytes AS HUGEINT) * 100 > CAST(included_bytes AS HUGEINT) * percent))
        -- All of the allowance belongs to the last tenth: equal is not over.
        ELSE least($tenths - 1, CAST(usage_bytes AS HUGEINT) * $tenths // included_bytes)
    END AS band,
    status,
    count(*) AS sims,
    max(pct_used) AS highest
FROM hologram.overage_report
WHERE org_id = $org_id AND day BETWEEN $first AND $last
GROUP BY ALL
