-- The day's fresh closed periods beside the stored ones, with what became of each. Grain: linkid, period_end.
-- Inputs: temp table `closed` and closed_periods. Parameters: $org_id, $day.
-- A number that was not known before is no correction; one that was known and differs is.
CREATE OR REPLACE TEMP TABLE compared AS
SELECT
    c.*,
    s.period_end AS stored_end,
    s.corrected_at,
    s.linkid IS NULL AS is_new,
    s.linkid IS NOT NULL AND row(
        c.plan_id, c.period_start, c.period_end, c.session_bytes, c.hologram_bytes, c.usage_source, c.included_bytes,
        c.billable_bytes, c.overage_cost, c.usage_charge, c.recurring_amount, c.reconciled, c.pricing_status
    ) IS DISTINCT FROM row(
        s.plan_id, s.period_start, s.period_end, s.session_bytes, s.hologram_bytes, s.usage_source, s.included_bytes,
        s.billable_bytes, s.overage_cost, s.usage_charge, s.recurring_amount, s.reconciled, s.pricing_status
    ) AS is_changed,
    coalesce(
        c.session_bytes <> s.session_bytes OR c.hologram_bytes <> s.hologram_bytes
        OR c.billable_bytes <> s.billable_bytes OR c.overage_cost <> s.overage_cost
        OR c.usage_charge <> s.usage_charge OR c.recurring_amount <> s.recurring_amount, FALSE
    ) AS is_corrected
FROM closed AS c
LEFT JOIN hologram.closed_periods AS s
    ON s.org_id = $org_id AND s.linkid = c.linkid AND hours_between(s.period_end, c.period_end) < 12
