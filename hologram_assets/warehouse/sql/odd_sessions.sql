-- Fetched sessions that a look at their own day would get wrong: fetched more than once, or stored on the day and now of
-- another. There are few: the seconds that chains share, and what moved.
-- Grain: record_id. Parameters: $org_id, $day, $files (packed Parquet files), $first and $last (ids to look at).
CREATE OR REPLACE TEMP TABLE odd AS
WITH fetched AS (
    SELECT record_id, count(*) AS times, min(CAST(session_end AS DATE)) AS day
    FROM read_parquet($files) WHERE record_id BETWEEN $first AND $last
    GROUP BY record_id
)
SELECT record_id FROM fetched WHERE times > 1
UNION
SELECT f.record_id FROM fetched AS f
JOIN hologram.raw_sessions AS s ON s.record_id = f.record_id
WHERE s.org_id = $org_id AND s.day = $day AND f.day <> $day AND s.record_id BETWEEN $first AND $last
