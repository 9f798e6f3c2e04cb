-- What the network rules' sessions (day-7 to day) were on. Grain: linkid, network_name, country, radio_access_technology, imei.
-- Input: raw_sessions. Parameters: $org_id, $day, $window_days.
CREATE OR REPLACE TEMP TABLE recent AS
SELECT
    linkid,
    network_name,
    country,
    radio_access_technology AS rat,
    imei,
    count(*) AS sessions,
    count(*) FILTER (WHERE bytes > 0) AS used_sessions,
    sum(bytes) AS bytes,
    min(session_end) AS first_seen
FROM hologram.raw_sessions
WHERE org_id = $org_id AND day BETWEEN CAST($day AS DATE) - CAST($window_days AS INTEGER) AND $day
GROUP BY ALL
