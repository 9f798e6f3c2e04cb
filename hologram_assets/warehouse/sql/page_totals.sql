-- What the running periods cost, all plans together, and what they had cost a day before. Grain: org_id.
-- Parameters: $day. DECIMAL throughout; what has no price counts as nothing.
SELECT
    s.org_id,
    s.sims,
    s.priced_sims,
    s.usage_bytes,
    s.projected_bytes,
    coalesce(s.recurring_cost, 0),
    coalesce(s.usage_charge, 0),
    coalesce(s.overage_cost, 0),
    coalesce(s.projected_usage_charge, 0),
    coalesce(s.projected_overage_cost, 0),
    coalesce(s.bound_cost, 0),
    s.sims_over,
    s.sims_will_exceed,
    s.uncapped_sims,
    coalesce(s.uncapped_cost, 0),
    coalesce(s.uncapped_projected_cost, 0),
    coalesce(s.uncapped_bound_cost, 0),
    s.limit_unknown_sims,
    coalesce(s.capped_exposure_cost, 0),
    c.before_cost AS yesterday
FROM hologram.fleet_summary AS s
LEFT JOIN hologram.fleet_cost_changes AS c
    ON c.org_id = s.org_id AND c.day = s.day AND c.scope = 'total' AND c.since = 'yesterday'
WHERE s.day = $day AND s.scope = 'total'
