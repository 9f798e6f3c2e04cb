-- The billing periods that ended on the day, each with the sessions' bytes and Hologram's total.
-- Grain: linkid, period_end. Inputs: billing_periods; sim_inventory and plan_catalog of $price_day; raw_sessions of the
-- period's first and last day, daily_link_usage and partition_loads of the days between; temp table `assignments`.
-- Parameters: $org_id, $day, $price_day, $calendar_month, $through (periods that end later than this are not over).
CREATE OR REPLACE TEMP TABLE usage AS
WITH inventory AS (
    SELECT * FROM hologram.sim_inventory WHERE org_id = $org_id AND day = $price_day
),
lengths AS (
    SELECT plan_id, max(billingperiod) AS billingperiod
    FROM hologram.plan_catalog
    WHERE org_id = $org_id AND day = $price_day
    GROUP BY plan_id
),
session_plans AS (
    SELECT r.linkid, arg_max(r.data_plan_id, r.session_end) AS plan_id
    FROM hologram.raw_sessions AS r
    WHERE r.org_id = $org_id AND r.day BETWEEN CAST($day AS DATE) - 90 AND CAST($day AS DATE)
      AND r.data_plan_id IS NOT NULL AND r.linkid NOT IN (SELECT linkid FROM inventory WHERE plan_id > 0)
    GROUP BY r.linkid
),
known_sims AS (
    SELECT linkid FROM inventory
    UNION
    SELECT linkid FROM hologram.billing_periods WHERE org_id = $org_id AND day = $day
    UNION
    SELECT linkid FROM hologram.daily_link_usage
    WHERE org_id = $org_id AND day >= CAST($day AS DATE) - INTERVAL 1 MONTH AND day <= $day
),
planned AS (
    SELECT
        k.linkid,
        coalesce(nullif(i.plan_id, 0), a.plan_id, p.plan_id, i.plan_id) AS plan_id,
        CASE WHEN i.plan_id > 0 THEN i.zone ELSE coalesce(a.zone, i.zone) END AS zone,
        i.period_end
    FROM known_sims AS k
    LEFT JOIN inventory AS i USING (linkid)
    LEFT JOIN assignments AS a USING (linkid)
    LEFT JOIN session_plans AS p USING (linkid)
),
sims AS (
    SELECT linkid, plan_id, zone, period_end, coalesce(billingperiod, 1) AS billingperiod
    FROM planned LEFT JOIN lengths USING (plan_id)
),
ends AS (
    SELECT *, lag(period_end) OVER (PARTITION BY linkid ORDER BY period_end) AS previous_end
    FROM hologram.billing_periods
    WHERE org_id = $org_id
),
-- A SIM without a row of Hologram's for the time: counted in whole periods from the end that its inventory shows.
stepped AS (
    SELECT
        s.linkid,
        stepped_period_end(s.period_end, CAST($day AS DATE) - 1, s.billingperiod) AS period_end,
        s.billingperiod
    FROM sims AS s
    WHERE s.period_end IS NOT NULL
),
ended AS (
    SELECT
        e.linkid,
        period_start(e.period_end, e.previous_end, coalesce(s.billingperiod, 1)) AS period_start,
        e.period_end,
        -- Fetched before the period was over, the total is not final.
        CASE WHEN e.fetched_at >= e.period_end THEN e.bytes END AS hologram_bytes,
        TRUE AS is_holograms
    FROM ends AS e
    LEFT JOIN sims AS s USING (linkid)
    WHERE NOT $calendar_month AND e.day = $day AND e.period_end <= $through
    UNION ALL
    SELECT
        t.linkid,
        t.period_end - to_days(CAST(30 * t.billingperiod AS INTEGER)),
        t.period_end,
        NULL,
        FALSE
    FROM stepped AS t
    WHERE NOT $calendar_month AND CAST(t.period_end AS DATE) = $day AND t.period_end <= $through
      AND NOT EXISTS (
          SELECT 1 FROM ends AS e WHERE e.linkid = t.linkid AND hours_between(e.period_end, t.period_end) < 12)
    UNION ALL
    SELECT DISTINCT
        linkid,
        CAST($day AS TIMESTAMP) - INTERVAL 1 MONTH,
        CAST($day AS TIMESTAMP),
        NULL,
        FALSE
    FROM known_sims
    WHERE $calendar_month AND date_part('day', CAST($day AS DATE)) = 1
),
-- Day by day, so that only these days are read: of `IN` two days DuckDB reads all sessions.
edge_days AS (
    SELECT linkid, period_end, sum(bytes) AS bytes
    FROM (
        SELECT p.linkid, p.period_end, r.bytes
        FROM ended AS p
        JOIN hologram.raw_sessions AS r
            ON r.org_id = $org_id AND r.linkid = p.linkid AND r.day = CAST(p.period_start AS DATE)
            AND r.session_end >= p.period_start AND r.session_end < p.period_end
        UNION ALL
        SELECT p.linkid, p.period_end, r.bytes
        FROM ended AS p
        JOIN hologram.raw_sessions AS r
            ON r.org_id = $org_id AND r.linkid = p.linkid AND r.day = CAST(p.period_end AS DATE)
            AND r.session_end >= p.period_start AND r.session_end < p.period_end
        WHERE CAST(p.period_end AS DATE) > CAST(p.period_start AS DATE)
    )
    GROUP BY linkid, period_end
),
inner_days AS (
    SELECT p.linkid, p.period_end, sum(d.bytes) AS bytes
    FROM ended AS p
    JOIN hologram.daily_link_usage AS d
        ON d.org_id = $org_id AND d.linkid = p.linkid
        AND d.day > CAST(p.period_start AS DATE) AND d.day < CAST(p.period_end AS DATE)
    GROUP BY p.linkid, p.period_end
),
loaded AS (
    SELECT day, complete_through FROM hologram.partition_loads
    WHERE org_id = $org_id AND asset = 'daily_link_usage' AND day BETWEEN CAST($day AS DATE) - 400 AND $day
),
-- The period's days that are loaded up to their end, or, on its last day, up to the period's end.
coverage AS (
    SELECT p.linkid, p.period_end, count(l.day) AS days
    FROM ended AS p
    LEFT JOIN loaded AS l
        ON l.day >= CAST(p.period_start AS DATE)
        AND CAST(l.day AS TIMESTAMP) < p.period_end
        AND l.complete_through >= least(CAST(l.day AS TIMESTAMP) + INTERVAL 1 DAY, p.period_end)
    GROUP BY p.linkid, p.period_end
),
summed AS (
    SELECT
        p.linkid,
        s.plan_id,
        s.zone,
        p.period_start,
        p.period_end,
        p.hologram_bytes,
        p.is_holograms,
        CAST(coalesce(e.bytes, 0) + coalesce(i.bytes, 0) AS BIGINT) AS session_bytes,
        -- One more day than midnights, except for a period that ends at midnight.
        c.days = date_diff('day', CAST(p.period_start AS DATE), CAST(p.period_end - INTERVAL 1 MICROSECOND AS DATE)) + 1
            AS all_days
    FROM ended AS p
    JOIN coverage AS c ON c.linkid = p.linkid AND c.period_end = p.period_end
    LEFT JOIN sims AS s ON s.linkid = p.linkid
    LEFT JOIN edge_days AS e ON e.linkid = p.linkid AND e.period_end = p.period_end
    LEFT JOIN inner_days AS i ON i.linkid = p.linkid AND i.period_end = p.period_end
)
SELECT
    linkid,
    plan_id,
    zone,
    period_start,
    period_end,
    session_bytes,
    hologram_bytes,
    all_days,
    CASE
        WHEN hologram_bytes > session_bytes OR (hologram_bytes IS NOT NULL AND NOT all_days) THEN 'billing'
        WHEN all_days THEN 'sessions'
        ELSE 'incomplete'
    END AS usage_source,
    CASE WHEN hologram_bytes IS NULL THEN session_bytes ELSE greatest(hologram_bytes, session_bytes) END AS usage_bytes
FROM summed
-- Without a row of Hologram's only usage proves that the SIM was active then.
WHERE is_holograms OR session_bytes > 0 OR ($calendar_month AND linkid IN (SELECT linkid FROM inventory))
