-- Ended periods beside Hologram's totals. One row. Parameters: $org_id, $first, $last (days on which the periods ended).
SELECT
    count(*) FILTER (WHERE reconciled) AS agreeing,
    count(*) FILTER (WHERE NOT reconciled) AS differing,
    count(*) FILTER (WHERE reconciled IS NULL) AS not_comparable,
    count(corrected_at) AS corrected,
    coalesce(sum(hologram_bytes) FILTER (WHERE reconciled IS NOT NULL), 0) AS hologram_bytes,
    coalesce(sum(abs(session_bytes - hologram_bytes)) FILTER (WHERE reconciled IS NOT NULL), 0) AS bytes_apart,
    coalesce(sum(session_bytes - hologram_bytes) FILTER (WHERE reconciled IS NOT NULL), 0) AS bytes_more
FROM hologram.closed_periods
WHERE org_id = $org_id AND day BETWEEN $first AND $last
