-- The fetched rows that make a difference to the day, each as it was fetched last: those that end on it, and those stored
-- on it that have moved to another day; new ones and changed ones.
-- Grain: record_id. Parameters: $org_id, $day, $files (packed Parquet files), $first and $last (ids to look at).
-- Ids ascend with time, so the range of ids spares most of the table, and the times most of the files.
CREATE OR REPLACE TEMP TABLE compared AS
WITH incoming AS (
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
),
stored AS (
    SELECT * FROM hologram.raw_sessions WHERE org_id = $org_id AND record_id BETWEEN $first AND $last
)
SELECT
    i.*,
    s.day AS stored_day,
    s.record_id IS NULL AS is_new
FROM incoming AS i
LEFT JOIN stored AS s ON s.record_id = i.record_id
WHERE (i.day = $day OR s.day = $day)
  AND (s.record_id IS NULL
    -- Of two runs at once the later fetch wins, whichever writes last.
    OR i.fetched_at >= s.fetched_at AND row(
        s.linkid, s.session_begin, s.session_end, s.bytes, s.imei, s.imeisv, s.cellid, s.lac,
        s.radio_access_technology, s.network_name, s.country, s.simcardid, s.profile_name, s.data_plan_id, s.extra
    ) IS DISTINCT FROM row(
        i.linkid, i.session_begin, i.session_end, i.bytes, i.imei, i.imeisv, i.cellid, i.lac,
        i.radio_access_technology, i.network_name, i.country, i.simcardid, i.profile_name, i.data_plan_id, i.extra
    ))
