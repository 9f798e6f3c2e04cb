-- The incoming sessions that make a difference to the day: new ones and changed ones, also those that have moved to another.
-- Grain: record_id. Parameters: those of incoming_sessions. Ids ascend with time, so their range spares most of the table.
CREATE OR REPLACE TEMP TABLE compared AS
WITH incoming AS (
    {incoming}
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
