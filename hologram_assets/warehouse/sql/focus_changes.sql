-- What was learnt on the day about periods that had ended before it: each version of a closed period that was replaced on the
-- day, with the difference to the version after it. Grain: org_id, linkid, period_end, superseded_at. Inputs: closed_periods and
-- closed_period_corrections since the day. Parameters: $day, $orgs (empty: all).
-- A number that is not known is nothing: it was in no export, so all of what follows it is new.
CREATE OR REPLACE TEMP TABLE focus_changes AS
WITH versions AS (
    SELECT
        c.org_id, c.linkid, c.day, c.plan_id, c.period_start, c.period_end, c.usage_source, c.included_bytes, h.superseded_at,
        coalesce(h.overage_cost + h.usage_charge, 0) AS usage_cost,
        coalesce(h.recurring_amount, 0) AS recurring_amount,
        coalesce(h.billable_bytes, 0) AS billable_bytes,
        coalesce(greatest(h.session_bytes, h.hologram_bytes), 0) AS usage_bytes,
        coalesce(c.overage_cost + c.usage_charge, 0) AS present_usage_cost,
        coalesce(c.recurring_amount, 0) AS present_recurring_amount,
        coalesce(c.billable_bytes, 0) AS present_billable_bytes,
        coalesce(greatest(c.session_bytes, c.hologram_bytes), 0) AS present_usage_bytes
    FROM hologram.closed_period_corrections AS h
    JOIN hologram.closed_periods AS c
        ON c.org_id = h.org_id AND c.linkid = h.linkid AND hours_between(c.period_end, h.period_end) < 12
    WHERE h.superseded_at >= CAST($day AS TIMESTAMP) AND (len($orgs) = 0 OR h.org_id IN (SELECT unnest($orgs)))
),
changes AS (
    SELECT
        *,
        lead(usage_cost, 1, present_usage_cost) OVER later - usage_cost AS usage_cost_change,
        lead(recurring_amount, 1, present_recurring_amount) OVER later - recurring_amount AS recurring_change,
        lead(billable_bytes, 1, present_billable_bytes) OVER later - billable_bytes AS billable_change,
        lead(usage_bytes, 1, present_usage_bytes) OVER later - usage_bytes AS usage_change
    FROM versions
    WINDOW later AS (PARTITION BY org_id, linkid, period_end ORDER BY superseded_at)
)
-- What ended on the day itself is in the day's export as it was known when the day was over.
SELECT * FROM changes
WHERE superseded_at < CAST($day AS TIMESTAMP) + INTERVAL 1 DAY AND day < $day
    AND (usage_cost_change <> 0 OR recurring_change <> 0)
