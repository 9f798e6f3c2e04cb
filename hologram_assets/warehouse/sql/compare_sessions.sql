-- The fetched rows that concern the day: those that end on it, and those stored on it that have moved to another day.
-- Grain: record_id. Parameters: $org_id, $day (null: every day). Ids ascend with time, so the range of ids spares most of the table.
CREATE OR REPLACE TEMP TABLE compared AS
WITH stored AS (
    SELECT * FROM hologram.raw_sessions
    WHERE org_id = $org_id
      AND record_id BETWEEN (SELECT min(record_id) FROM incoming) AND (SELECT max(record_id) FROM incoming)
)
SELECT
    i.*,
    s.day AS stored_day,
    s.record_id IS NULL AS is_new,
    -- Of two runs at once the later fetch wins, whichever writes last.
    s.record_id IS NOT NULL AND i.fetched_at >= s.fetched_at AND row(
        s.linkid, s.session_begin, s.session_end, s.bytes, s.imei, s.imeisv, s.cellid, s.lac,
        s.radio_access_technology, s.network_name, s.country, s.simcardid, s.profile_name, s.data_plan_id, s.extra
    ) IS DISTINCT FROM row(
        i.linkid, i.session_begin, i.session_end, i.bytes, i.imei, i.imeisv, i.cellid, i.lac,
        i.radio_access_technology, i.network_name, i.country, i.simcardid, i.profile_name, i.data_plan_id, i.extra
    ) AS is_changed
FROM incoming AS i
LEFT JOIN stored AS s ON s.record_id = i.record_id
WHERE $day IS NULL OR i.day = $day OR s.day = $day
