-- Why the cost to date differs from two earlier days. Grain: since, scope, plan_id; the total first, then the plans whose
-- costs changed most. Parameters: $org_id, $day. DECIMAL throughout.
WITH changes AS (
    SELECT * FROM hologram.fleet_cost_changes WHERE org_id = $org_id AND day = $day
),
-- The earlier days as they are stored now, of which a change says nothing where usage was not known.
standing_then AS (
    SELECT day, count(*) AS sims, count(*) FILTER (WHERE overage_cost IS NULL) AS sims_unknown
    FROM hologram.overage_report
    WHERE org_id = $org_id AND day IN (SELECT compared_day FROM changes)
    GROUP BY day
)
SELECT
    since,
    scope,
    compared_day,
    coalesce(t.sims, 0),
    coalesce(t.sims_unknown, 0),
    coalesce(plan_name, 'plan ' || plan_id) AS plan,
    coalesce(before_cost, 0),
    coalesce(late_corrections, 0),
    coalesce(sim_count, 0),
    coalesce(became_known, 0),
    coalesce(periods_begun, 0),
    coalesce(plan_mix, 0),
    coalesce(rate, 0),
    coalesce(usage_per_sim, 0)
FROM changes
LEFT JOIN standing_then AS t ON t.day = compared_day
ORDER BY since, scope DESC, abs(after_cost - before_cost) DESC NULLS LAST, after_cost DESC NULLS LAST, plan_id
