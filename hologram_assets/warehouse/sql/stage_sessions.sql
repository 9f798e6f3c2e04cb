-- The rows that were fetched, each record_id once (its latest fetch), with the day they belong to.
-- Grain: record_id. Parameters: $org_id, $files (Parquet files of the slices).
CREATE OR REPLACE TEMP TABLE incoming AS
SELECT $org_id AS org_id, CAST(session_end AS DATE) AS day, *
FROM read_parquet($files)
QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY fetched_at DESC) = 1
