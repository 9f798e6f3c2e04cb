-- What a day's FOCUS export charges for: every billing period in force at the end of the day, and every one that ended on it,
-- as it was known then. Grain: org_id, linkid, period_end. Inputs: overage_report and sim_inventory of the day and the day
-- before, closed_periods of the day, closed_period_corrections since the day. Parameters: $day, $orgs (empty: all).
CREATE OR REPLACE TEMP TABLE focus_periods AS
WITH running AS (
    SELECT r.*, i.tags
    FROM hologram.overage_report AS r
    LEFT JOIN hologram.sim_inventory AS i ON i.org_id = r.org_id AND i.day = r.day AND i.linkid = r.linkid
    WHERE r.day = $day AND (len($orgs) = 0 OR r.org_id IN (SELECT unnest($orgs)))
),
ended AS (
    SELECT * FROM hologram.closed_periods
    WHERE day = $day AND (len($orgs) = 0 OR org_id IN (SELECT unnest($orgs)))
),
-- What the period said when the day was over: the first version that was replaced later, or what it says now. A version
-- that was replaced later is a correction in the export of that later day, so counting the present one here would count
-- its correction twice.
superseded AS (
    SELECT e.org_id, e.linkid, e.period_end, h.* EXCLUDE (org_id, day, linkid, period_end)
    FROM ended AS e
    JOIN hologram.closed_period_corrections AS h
        ON h.org_id = e.org_id AND h.linkid = e.linkid AND hours_between(h.period_end, e.period_end) < 12
    WHERE h.superseded_at >= CAST($day AS TIMESTAMP) + INTERVAL 1 DAY
    QUALIFY row_number() OVER (PARTITION BY e.org_id, e.linkid, e.period_end ORDER BY h.superseded_at) = 1
),
-- A closed period keeps neither rate nor names. It was priced by the day before, else by the day itself; whether the rate
-- found here is the one it was priced by, focus.sql proves by the cost.
before AS (
    SELECT e.org_id, e.linkid, e.period_end, r.plan_name, r.tier, r.zone, r.overage_rate_per_mb
    FROM ended AS e
    JOIN hologram.overage_report AS r
        ON r.org_id = e.org_id AND r.linkid = e.linkid AND r.plan_id = e.plan_id
    WHERE r.day IN (CAST($day AS DATE) - 1, CAST($day AS DATE))
    QUALIFY row_number() OVER (PARTITION BY e.org_id, e.linkid, e.period_end ORDER BY r.overage_rate_per_mb IS NULL, r.day) = 1
),
named AS (
    SELECT e.org_id, e.linkid, arg_max(i.device_name, i.day) AS device_name, arg_max(i.tags, i.day) AS tags
    FROM (SELECT DISTINCT org_id, linkid FROM ended) AS e
    JOIN hologram.sim_inventory AS i ON i.org_id = e.org_id AND i.linkid = e.linkid
    WHERE i.day IN (CAST($day AS DATE) - 1, CAST($day AS DATE))
    GROUP BY e.org_id, e.linkid
)
SELECT
    org_id, linkid, 'Open' AS period_status, device_name, tags, plan_id, plan_name, tier, zone, period_start, period_end,
    complete_through, usage_bytes, usage_source, included_bytes, billable_bytes, overage_rate_per_mb,
    overage_cost + usage_charge AS usage_cost, recurring_amount, pricing_status
FROM running
UNION ALL
SELECT
    e.org_id, e.linkid, 'Closed', n.device_name, n.tags, e.plan_id, b.plan_name, b.tier, b.zone, e.period_start, e.period_end,
    e.period_end,
    CASE
        WHEN s.superseded_at IS NULL THEN greatest(e.session_bytes, e.hologram_bytes)
        ELSE greatest(s.session_bytes, s.hologram_bytes)
    END,
    e.usage_source, e.included_bytes,
    CASE WHEN s.superseded_at IS NULL THEN e.billable_bytes ELSE s.billable_bytes END,
    b.overage_rate_per_mb,
    CASE WHEN s.superseded_at IS NULL THEN e.overage_cost + e.usage_charge ELSE s.overage_cost + s.usage_charge END,
    CASE WHEN s.superseded_at IS NULL THEN e.recurring_amount ELSE s.recurring_amount END,
    e.pricing_status
FROM ended AS e
LEFT JOIN superseded AS s ON s.org_id = e.org_id AND s.linkid = e.linkid AND s.period_end = e.period_end
LEFT JOIN before AS b ON b.org_id = e.org_id AND b.linkid = e.linkid AND b.period_end = e.period_end
LEFT JOIN named AS n ON n.org_id = e.org_id AND n.linkid = e.linkid
