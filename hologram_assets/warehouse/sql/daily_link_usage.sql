-- A day's sessions summed. Grain: linkid, network_name, country, radio_access_technology, imei (nulls are a value).
-- Input: raw_sessions. Parameters: $org_id, $day.
SELECT
    org_id,
    day,
    linkid,
    network_name,
    country,
    radio_access_technology,
    imei,
    count(*) AS sessions,
    count(*) FILTER (WHERE bytes = 0) AS zero_byte_sessions,
    CAST(sum(bytes) AS BIGINT) AS bytes,
    min(session_end) AS first_seen,
    max(session_end) AS last_seen
FROM hologram.raw_sessions
WHERE org_id = $org_id AND day = $day
GROUP BY ALL
