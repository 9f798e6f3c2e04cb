-- The corrections of a day's FOCUS export, named and placed. Grain: org_id, linkid, period_end, superseded_at. Inputs: temp table
-- focus_changes (a table of its own, since its size says that there is next to nothing to look for); overage_report and
-- sim_inventory. Parameter: $day.
CREATE OR REPLACE TEMP TABLE focus_corrections AS
-- The SIM may be gone since; its name is then the last one known.
WITH named AS (
    SELECT i.org_id, i.linkid, arg_max(i.device_name, i.day) AS device_name, arg_max(i.tags, i.day) AS tags
    FROM hologram.sim_inventory AS i
    JOIN (SELECT DISTINCT org_id, linkid FROM focus_changes) AS o ON o.org_id = i.org_id AND o.linkid = i.linkid
    WHERE i.day <= $day AND i.day >= (SELECT min(day) - 1 FROM focus_changes)
    GROUP BY i.org_id, i.linkid
),
plans AS (
    SELECT o.org_id, o.linkid, o.plan_id, arg_max(r.plan_name, r.day) AS plan_name, arg_max(r.zone, r.day) AS zone
    FROM (SELECT DISTINCT org_id, linkid, plan_id FROM focus_changes) AS o
    JOIN hologram.overage_report AS r ON r.org_id = o.org_id AND r.linkid = o.linkid AND r.plan_id = o.plan_id
    WHERE r.day <= $day AND r.day >= (SELECT min(day) - 1 FROM focus_changes)
    GROUP BY o.org_id, o.linkid, o.plan_id
),
-- A closed period takes no more charges: a correction stands in the period that is open on the day. Of a SIM that is gone
-- that is the one it would be in.
stepped AS (
    SELECT
        *,
        epoch_us(period_end) - epoch_us(period_start) AS length,
        period_start = date_trunc('month', period_start) AND period_end = period_start + INTERVAL 1 MONTH AS is_month
    FROM focus_changes
),
placed AS (
    SELECT
        *,
        CASE
            WHEN is_month THEN CAST(date_trunc('month', CAST($day AS DATE)) AS TIMESTAMP)
            ELSE make_timestamp(
                epoch_us(period_end) + (epoch_us(last_second($day)) - epoch_us(period_end)) // length * length)
        END AS open_start
    FROM stepped
)
SELECT
    p.org_id, p.linkid, n.device_name, n.tags, p.plan_id, pl.plan_name, pl.zone, p.period_start, p.period_end,
    p.usage_source, p.included_bytes, p.superseded_at, p.usage_cost_change, p.recurring_change, p.billable_change,
    p.usage_change,
    coalesce(r.period_start, p.open_start) AS open_start,
    coalesce(
        r.period_end,
        CASE
            WHEN p.is_month THEN CAST(p.open_start + INTERVAL 1 MONTH AS TIMESTAMP)
            ELSE make_timestamp(epoch_us(p.open_start) + p.length)
        END) AS open_end
FROM placed AS p
LEFT JOIN named AS n ON n.org_id = p.org_id AND n.linkid = p.linkid
LEFT JOIN plans AS pl ON pl.org_id = p.org_id AND pl.linkid = p.linkid AND pl.plan_id = p.plan_id
LEFT JOIN hologram.overage_report AS r
    ON r.org_id = p.org_id AND r.day = $day AND r.linkid = p.linkid
    AND r.period_start IS NOT NULL AND hours_between(r.period_end, p.period_end) >= 12
