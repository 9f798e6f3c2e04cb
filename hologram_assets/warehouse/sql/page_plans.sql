-- What the running periods cost by plan, those that will cost most first. Grain: plan_id. Parameters: $org_id, $day.
SELECT
    coalesce(plan_name, 'plan ' || plan_id) AS plan,
    sims,
    priced_sims,
    usage_bytes,
    projected_bytes,
    coalesce(recurring_cost, 0),
    coalesce(usage_charge, 0),
    coalesce(overage_cost, 0),
    coalesce(projected_usage_charge, 0),
    coalesce(projected_overage_cost, 0),
    coalesce(bound_cost, 0),
    sims_over,
    sims_will_exceed
FROM hologram.fleet_summary
WHERE org_id = $org_id AND day = $day AND scope = 'plan'
ORDER BY projected_cost DESC NULLS LAST, cost_to_date DESC NULLS LAST, plan_id
