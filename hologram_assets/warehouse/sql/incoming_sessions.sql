-- The fetched rows that concern the day, each as it was fetched last: those that end on it, and the odd ones (odd_sessions).
-- Grain: record_id. Parameters: $org_id, $day, $files (packed Parquet files), $first and $last (ids to look at).
-- The times spare most of the files.
SELECT $org_id AS org_id, CAST(session_end AS DATE) AS day, *
FROM read_parquet($files)
WHERE session_end >= CAST($day AS DATE) AND session_end < CAST($day AS DATE) + INTERVAL 1 DAY
  AND record_id BETWEEN $first AND $last
  AND record_id NOT IN (SELECT record_id FROM odd)
UNION ALL BY NAME
SELECT $org_id AS org_id, CAST(session_end AS DATE) AS day, *
FROM read_parquet($files)
WHERE record_id IN (SELECT record_id FROM odd)
QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY fetched_at DESC) = 1
