-- Cost to date and at the periods' ends, per plan and in all. Grain: scope, plan_id. Input: overage_report of the day.
-- Parameters: $org_id, $day, $increment, $mb.
WITH sims AS (
    SELECT
        *,
        coalesce(recurring_amount, 0) AS recurring,
        coalesce(overage_cost, 0) AS overage,
        coalesce(usage_charge, 0) AS usage,
        -- Where nothing is foreseen, what it costs so far is the least that it will.
        greatest(coalesce(projected_overage_cost, 0), coalesce(overage_cost, 0)) AS overage_expected,
        greatest(coalesce(projected_usage_charge, 0), coalesce(usage_charge, 0)) AS usage_expected,
        -- Never below what is expected, nor that below what it costs: of a SIM without a forecast nothing more is known.
        CASE
            WHEN pricing_status = 'priced' AND projected_bound_bytes IS NOT NULL THEN usd(
                billable_bytes(greatest(0, projected_bound_bytes - included_bytes), $increment),
                overage_rate_per_mb, $mb)
        END AS bound_known,
        greatest(coalesce(bound_known, 0), overage_expected + usage_expected) AS bound
    FROM hologram.overage_report
    WHERE org_id = $org_id AND day = $day
)
SELECT
    CAST($org_id AS BIGINT) AS org_id,
    CAST($day AS DATE) AS day,
    CASE WHEN grouping(plan_id) = 1 THEN 'total' ELSE 'plan' END AS scope,
    plan_id,
    CASE WHEN grouping(plan_id) = 0 THEN max(plan_name) END AS plan_name,
    count(*) AS sims,
    count(overage_cost) AS priced_sims,
    coalesce(sum(usage_bytes), 0) AS usage_bytes,
    coalesce(sum(coalesce(projected_bytes, usage_bytes)), 0) AS projected_bytes,
    coalesce(sum(recurring), 0) AS recurring_cost,
    coalesce(sum(usage), 0) AS usage_charge,
    coalesce(sum(overage), 0) AS overage_cost,
    coalesce(sum(recurring + usage + overage), 0) AS cost_to_date,
    coalesce(sum(usage_expected), 0) AS projected_usage_charge,
    coalesce(sum(overage_expected), 0) AS projected_overage_cost,
    coalesce(sum(recurring + usage_expected + overage_expected), 0) AS projected_cost,
    coalesce(sum(recurring + bound), 0) AS bound_cost,
    count(*) FILTER (WHERE status = 'over') AS sims_over,
    count(*) FILTER (WHERE status = 'will_exceed') AS sims_will_exceed,
    count(*) FILTER (WHERE overage_limit_bytes = -1) AS uncapped_sims,
    coalesce(sum(overage) FILTER (WHERE overage_limit_bytes = -1), 0) AS uncapped_cost,
    coalesce(sum(overage_expected) FILTER (WHERE overage_limit_bytes = -1), 0) AS uncapped_projected_cost,
    coalesce(sum(bound) FILTER (WHERE overage_limit_bytes = -1 AND included_bytes > 0), 0) AS uncapped_bound_cost,
    count(*) FILTER (WHERE coalesce(overage_limit_bytes, 0) <= 0 AND overage_limit_bytes IS DISTINCT FROM -1)
        AS limit_unknown_sims,
    coalesce(sum(max_exposure_cost), 0) AS capped_exposure_cost
FROM sims
GROUP BY GROUPING SETS ((), (plan_id))
ORDER BY scope DESC, cost_to_date DESC, plan_id
