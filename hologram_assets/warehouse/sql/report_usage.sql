-- Every SIM of the day's report with its period, its usage up to the end of the day and where that number is from.
-- Grain: linkid. Inputs: sim_inventory, plan_catalog, billing_usage of the day; billing_periods; daily_link_usage and partition_loads of
-- the period's days; raw_sessions of the period's first day (it begins at some second of it); temp table `assignments`
-- (linkid, plan_id, zone) for SIMs whose plan the inventory doesn't tell, before the plan that their sessions name.
-- Parameters: $org_id, $day, $calendar_month.
-- Python reference: domain.periods, domain.usage.
CREATE OR REPLACE TEMP TABLE usage AS
WITH inventory AS (
    SELECT * FROM hologram.sim_inventory WHERE org_id = $org_id AND day = $day
),
billing AS (
    SELECT * FROM hologram.billing_usage WHERE org_id = $org_id AND day = $day
),
sims AS (
    SELECT linkid FROM inventory
    UNION
    SELECT linkid FROM billing
    UNION
    SELECT linkid FROM hologram.daily_link_usage
    WHERE org_id = $org_id AND day <= $day
      AND day >= CASE WHEN $calendar_month THEN date_trunc('month', CAST($day AS DATE)) ELSE CAST($day AS DATE) - 29 END
),
session_plans AS (
    SELECT linkid, arg_max(data_plan_id, session_end) AS plan_id
    FROM hologram.raw_sessions
    WHERE org_id = $org_id AND day BETWEEN CAST($day AS DATE) - 90 AND CAST($day AS DATE) AND data_plan_id IS NOT NULL
      AND linkid NOT IN (SELECT linkid FROM inventory WHERE plan_id > 0)
    GROUP BY linkid
),
lengths AS (
    SELECT plan_id, max(billingperiod) AS billingperiod
    FROM hologram.plan_catalog
    WHERE org_id = $org_id AND day = $day
    GROUP BY plan_id
),
placed AS (
    SELECT
        s.linkid,
        coalesce(nullif(i.plan_id, 0), a.plan_id, p.plan_id, i.plan_id) AS plan_id,
        CASE WHEN i.plan_id > 0 THEN i.zone ELSE coalesce(a.zone, i.zone) END AS zone,
        b.period_start AS billing_start,
        b.period_end AS billing_end,
        b.bytes AS billing_bytes,
        b.fetched_at AS billing_fetched_at,
        coalesce(l.billingperiod, 1) AS billingperiod,
        stepped_period_end(i.period_end, $day, coalesce(l.billingperiod, 1)) AS stepped_end
    FROM sims AS s
    LEFT JOIN inventory AS i USING (linkid)
    LEFT JOIN billing AS b USING (linkid)
    LEFT JOIN assignments AS a USING (linkid)
    LEFT JOIN session_plans AS p USING (linkid)
    LEFT JOIN lengths AS l ON l.plan_id = coalesce(nullif(i.plan_id, 0), a.plan_id, p.plan_id)
),
-- The period by Hologram's ends and the plan as it is known here: billing_usage could not know a plan that only the
-- sessions or the assignments tell, and so not that a period lasts longer than 30 days.
named AS (
    SELECT
        p.linkid,
        period_start(e.period_end, e.previous_end, p.billingperiod) AS named_start,
        e.period_end AS named_end,
        e.bytes AS named_bytes,
        e.fetched_at AS named_fetched_at
    FROM placed AS p
    JOIN (
        SELECT linkid, period_end, bytes, fetched_at, lag(period_end) OVER (PARTITION BY linkid ORDER BY period_end) AS previous_end
        FROM hologram.billing_periods
        WHERE org_id = $org_id
    ) AS e ON e.linkid = p.linkid AND e.period_end > last_second($day)
    QUALIFY row_number() OVER (PARTITION BY p.linkid ORDER BY e.period_end) = 1 AND named_start <= last_second($day)
),
periods AS (
    SELECT
        placed.*,
        -- The total that was fetched on the day, which billing_usage keeps; else the newest one of the period.
        coalesce(billing_bytes, named_bytes) AS total_bytes,
        CASE WHEN billing_bytes IS NOT NULL THEN billing_fetched_at ELSE named_fetched_at END AS total_fetched_at,
        coalesce(named_start, billing_start) AS total_start,
        coalesce(named_end, billing_end) AS total_end,
        CASE
            WHEN $calendar_month THEN CAST(date_trunc('month', CAST($day AS DATE)) AS TIMESTAMP)
            ELSE coalesce(named_start, billing_start, stepped_end - to_days(CAST(30 * billingperiod AS INTEGER)))
        END AS period_start,
        CASE
            WHEN $calendar_month THEN CAST(date_trunc('month', CAST($day AS DATE)) + INTERVAL 1 MONTH AS TIMESTAMP)
            ELSE coalesce(named_end, billing_end, stepped_end)
        END AS period_end
    FROM placed
    LEFT JOIN named USING (linkid)
),
first_days AS (
    SELECT p.linkid, sum(r.bytes) AS bytes
    FROM periods AS p
    JOIN hologram.raw_sessions AS r
        ON r.org_id = $org_id AND r.linkid = p.linkid
        AND r.day = CAST(p.period_start AS DATE) AND r.session_end >= p.period_start
    GROUP BY p.linkid
),
later_days AS (
    SELECT p.linkid, sum(d.bytes) AS bytes
    FROM periods AS p
    JOIN hologram.daily_link_usage AS d
        ON d.org_id = $org_id AND d.linkid = p.linkid AND d.day > CAST(p.period_start AS DATE) AND d.day <= $day
    -- Said once more as a constant, so that days before every period are not even read.
    WHERE d.day > (SELECT min(CAST(period_start AS DATE)) FROM periods)
    GROUP BY p.linkid
),
-- Days that are whole, numbered without gaps: the first day of the unbroken run that leads up to the day itself.
whole AS (
    SELECT day FROM hologram.partition_loads
    WHERE org_id = $org_id AND asset = 'daily_link_usage' AND day <= $day
      AND (day = $day OR complete_through >= CAST(day AS TIMESTAMP) + INTERVAL 1 DAY)
),
unbroken AS (
    SELECT min(day) AS first_day
    FROM (SELECT day, row_number() OVER (ORDER BY day DESC) AS nth FROM whole)
    WHERE day = CAST($day AS DATE) - CAST(nth - 1 AS INTEGER)
),
summed AS (
    SELECT
        p.*,
        CAST(coalesce(f.bytes, 0) + coalesce(d.bytes, 0) AS BIGINT) AS session_bytes,
        coalesce(CAST(p.period_start AS DATE) >= u.first_day, FALSE) AS all_days,
        p.total_bytes IS NOT NULL
            AND p.total_fetched_at < CAST($day AS TIMESTAMP) + INTERVAL 1 DAY
            AND hours_between(p.total_end, p.period_end) < 12
            AND hours_between(p.total_start, p.period_start) <= 24 AS billing_counts
    FROM periods AS p
    CROSS JOIN unbroken AS u
    LEFT JOIN first_days AS f USING (linkid)
    LEFT JOIN later_days AS d USING (linkid)
),
sourced AS (
    SELECT
        *,
        CASE
            WHEN period_end IS NULL THEN 'incomplete'
            WHEN billing_counts AND (total_bytes > session_bytes OR NOT all_days) THEN 'billing'
            WHEN all_days THEN 'sessions'
            ELSE 'incomplete'
        END AS usage_source
    FROM summed
)
SELECT
    linkid,
    plan_id,
    zone,
    period_start,
    period_end,
    CASE
        WHEN period_end IS NULL THEN NULL
        WHEN usage_source = 'billing' THEN greatest(total_bytes, session_bytes)
        ELSE session_bytes
    END AS usage_bytes,
    usage_source
FROM sourced
