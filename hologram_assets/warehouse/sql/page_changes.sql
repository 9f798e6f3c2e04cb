-- Why the cost to date differs from two earlier days. Grain: since, scope, plan_id; the total first, then the plans whose
-- costs changed most. Parameters: $org_id, $day. DECIMAL throughout.
SELECT
    since,
    scope,
    compared_day,
    coalesce(plan_name, 'plan ' || plan_id) AS plan,
    coalesce(before_cost, 0),
    coalesce(late_corrections, 0),
    coalesce(sim_count, 0),
    coalesce(periods_begun, 0),
    coalesce(plan_mix, 0),
    coalesce(rate, 0),
    coalesce(usage_per_sim, 0)
FROM hologram.fleet_cost_changes
WHERE org_id = $org_id AND day = $day
ORDER BY since, scope DESC, abs(after_cost - before_cost) DESC NULLS LAST, after_cost DESC NULLS LAST, plan_id
