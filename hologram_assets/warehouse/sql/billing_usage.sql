-- The period that holds the day's last second, per SIM, from Hologram's totals.
-- Grain: linkid. Inputs: billing_periods; sim_inventory and plan_catalog of the day for the length of a period.
-- Parameters: $org_id, $day. Python reference: domain.periods.period_on.
WITH lengths AS (
    SELECT i.linkid, max(p.billingperiod) AS billingperiod
    FROM hologram.sim_inventory AS i
    JOIN hologram.plan_catalog AS p ON p.org_id = i.org_id AND p.day = i.day AND p.plan_id = i.plan_id
    WHERE i.org_id = $org_id AND i.day = $day
    GROUP BY i.linkid
),
ends AS (
    SELECT *, lag(period_end) OVER (PARTITION BY linkid ORDER BY period_end) AS previous_end
    FROM hologram.billing_periods
    WHERE org_id = $org_id
),
periods AS (
    SELECT
        e.linkid,
        period_start(e.period_end, e.previous_end, coalesce(l.billingperiod, 1)) AS period_start,
        e.period_end,
        e.periods_back,
        e.bytes,
        e.fetched_at
    FROM ends AS e
    LEFT JOIN lengths AS l ON l.linkid = e.linkid
    WHERE e.period_end > last_second($day)
    QUALIFY row_number() OVER (PARTITION BY e.linkid ORDER BY e.period_end) = 1
)
SELECT CAST($org_id AS BIGINT) AS org_id, CAST($day AS DATE) AS day, *
FROM periods
WHERE period_start <= last_second($day)
