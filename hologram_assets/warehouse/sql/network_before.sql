-- What the network rules' history (day-91 to day-1) was on. Grain: linkid, network_name, country, radio_access_technology, imei.
-- Input: daily_link_usage. Parameters: $org_id, $day, $window_days, $baseline_days, $lag_days, $set_days, $shift_days.
--   sessions  before the window: what a place or a device must not have to be new
--   always    on the days that lie in the baseline of every day of the window
--   settled   the days of `always` (21 of them), as bits of 32: which SIMs are known on every day of the window
--   ever      on the days that lie in the baseline of any day of the window
--   total     on all days of the history
--   eve       on the last days before the window, as many as a shift looks back
CREATE OR REPLACE TEMP TABLE before AS
WITH history AS (
    SELECT *, CAST($day AS DATE) - day AS back
    FROM hologram.daily_link_usage
    WHERE org_id = $org_id
      AND day BETWEEN CAST($day AS DATE) - CAST($set_days + 1 AS INTEGER) AND CAST($day AS DATE) - 1
)
SELECT
    linkid,
    network_name,
    country,
    radio_access_technology AS rat,
    imei,
    coalesce(sum(sessions) FILTER (WHERE back > $window_days), 0) AS sessions,
    coalesce(sum(sessions) FILTER (
        WHERE back BETWEEN $lag_days + $window_days AND $lag_days + $baseline_days - 1), 0) AS always,
    coalesce(bit_or(CAST(1 AS BIGINT) << CAST(back % 32 AS INTEGER)) FILTER (
        WHERE back BETWEEN $lag_days + $window_days AND $lag_days + $baseline_days - 1), 0) AS settled,
    coalesce(sum(sessions) FILTER (
        WHERE back BETWEEN $lag_days AND $lag_days + $baseline_days - 1 + $window_days), 0) AS ever,
    sum(sessions) AS total,
    coalesce(sum(sessions) FILTER (WHERE back BETWEEN $window_days + 1 AND $window_days + $shift_days), 0) AS eve,
    max(last_seen) FILTER (WHERE back > $window_days) AS last_seen
FROM history
GROUP BY ALL
