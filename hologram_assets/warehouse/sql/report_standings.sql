-- What the forecast of a day's report starts from. Grain: linkid. Input: temp table `priced` (report_usage.sql, then
-- priced_usage.sql). Parameters: $calendar_month (a month that began proves nothing about a SIM).
-- Less than the whole is no start, and pooled or unknown plans have nothing to compare with: no usage_bytes, no forecast.
CREATE OR REPLACE TEMP TABLE standings AS
SELECT
    linkid,
    plan_id,
    CASE WHEN NOT $calendar_month THEN period_start END AS known_since,
    period_start,
    period_end,
    CASE WHEN status <> 'unknown' AND usage_source <> 'incomplete' THEN usage_bytes END AS usage_bytes,
    included_bytes
FROM priced
