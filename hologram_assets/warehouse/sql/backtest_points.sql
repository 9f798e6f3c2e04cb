-- The ended periods to replay, each from some ages on, with what was used until then and in the whole period.
-- Grain: linkid, as_of. Inputs: closed_periods that ended from $first to $last and are whole; raw_sessions of each period's
-- first day (it begins at some second of it), daily_link_usage and partition_loads of the days after it.
-- Parameters: $org_id, $first, $last, $ages (days). `as_of` is the midnight that ends the day on which the SIM was so old:
-- what that day's report would have known. Without every day until then there are no usage_bytes.
CREATE OR REPLACE TEMP TABLE points AS
WITH ended AS (
    SELECT
        linkid,
        period_start,
        period_end,
        CASE WHEN usage_source = 'billing' THEN greatest(hologram_bytes, session_bytes) ELSE session_bytes END AS truth
    FROM hologram.closed_periods
    WHERE org_id = $org_id AND day BETWEEN $first AND $last AND usage_source <> 'incomplete'
),
aged AS (
    SELECT
        e.*,
        a.age,
        CAST(e.period_start + to_days(CAST(a.age AS INTEGER)) + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND AS DATE) AS as_of
    FROM ended AS e
    CROSS JOIN (SELECT unnest($ages) AS age) AS a
),
running AS (
    SELECT *
    FROM aged
    WHERE CAST(as_of AS TIMESTAMP) < period_end
    -- An organisation that was invoiced by SIM and then by month has periods that overlap.
    QUALIFY row_number() OVER (PARTITION BY linkid, as_of ORDER BY period_end DESC) = 1
),
whole_days AS (
    SELECT day FROM hologram.partition_loads
    WHERE org_id = $org_id AND asset = 'daily_link_usage'
      AND complete_through >= CAST(day AS TIMESTAMP) + INTERVAL 1 DAY
),
loaded AS (
    SELECT r.linkid, r.as_of, count(*) AS days
    FROM running AS r
    JOIN whole_days AS w ON w.day >= CAST(r.period_start AS DATE) AND w.day < r.as_of
    GROUP BY r.linkid, r.as_of
),
first_days AS (
    SELECT r.linkid, r.as_of, sum(s.bytes) AS bytes
    FROM running AS r
    JOIN hologram.raw_sessions AS s
        ON s.org_id = $org_id AND s.linkid = r.linkid
        AND s.day = CAST(r.period_start AS DATE) AND s.session_end >= r.period_start
    GROUP BY r.linkid, r.as_of
),
later_days AS (
    SELECT r.linkid, r.as_of, sum(d.bytes) AS bytes
    FROM running AS r
    JOIN hologram.daily_link_usage AS d
        ON d.org_id = $org_id AND d.linkid = r.linkid AND d.day > CAST(r.period_start AS DATE) AND d.day < r.as_of
    GROUP BY r.linkid, r.as_of
)
SELECT
    r.linkid,
    r.period_start,
    r.period_end,
    r.age,
    r.as_of,
    r.truth,
    CASE
        WHEN l.days = date_diff('day', CAST(r.period_start AS DATE), r.as_of)
            THEN CAST(coalesce(f.bytes, 0) + coalesce(d.bytes, 0) AS BIGINT)
    END AS usage_bytes
FROM running AS r
LEFT JOIN loaded AS l ON l.linkid = r.linkid AND l.as_of = r.as_of
LEFT JOIN first_days AS f ON f.linkid = r.linkid AND f.as_of = r.as_of
LEFT JOIN later_days AS d ON d.linkid = r.linkid AND d.as_of = r.as_of
