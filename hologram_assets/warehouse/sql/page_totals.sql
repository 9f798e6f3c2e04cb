-- What the running periods cost, all plans together, and what they had cost a day before. Grain: org_id.
-- Parameters: $day. DECIMAL throughout; what has no price counts as nothing.
WITH unlimited AS (
    SELECT
        org_id,
        count(*) FILTER (WHERE status = 'over' AND overage_cost IS NULL) AS over_unpriced,
        count(*) FILTER (WHERE included_bytes = 0) AS payg_sims,
        sum(usage_charge) FILTER (WHERE included_bytes = 0) AS payg,
        sum(greatest(coalesce(projected_usage_charge, 0), coalesce(usage_charge, 0))) FILTER (WHERE included_bytes = 0)
            AS payg_projected
    FROM hologram.overage_report
    WHERE day = $day AND overage_limit_bytes = -1
    GROUP BY org_id
)
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
    coalesce(u.over_unpriced, 0),
    coalesce(u.payg_sims, 0),
    coalesce(u.payg, 0),
    coalesce(u.payg_projected, 0),
    c.before_cost AS yesterday
FROM hologram.fleet_summary AS s
LEFT JOIN hologram.fleet_cost_changes AS c
    ON c.org_id = s.org_id AND c.day = s.day AND c.scope = 'total' AND c.since = 'yesterday'
LEFT JOIN unlimited AS u ON u.org_id = s.org_id
WHERE s.day = $day AND s.scope = 'total'
