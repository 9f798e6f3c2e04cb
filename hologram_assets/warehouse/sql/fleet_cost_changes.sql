-- Why cost to date differs from an earlier day's, per plan and in all. Grain: since, scope, plan_id.
-- Inputs: overage_report of the day and of the compared one, plan_catalog of both, published_costs of the compared one.
-- Parameters: $org_id, $day, $compared_day, $since, $increment, $mb.
--
-- A SIM that is there on both days goes from its cost then to its cost now in steps, each of which changes one thing and
-- is priced as the report prices: its period begins again, its plan is another, prices are others, it has used more. What a
-- step adds is that effect; so they add up whatever the rounding. A new plan's step counts for both plans. A SIM whose usage
-- has a cost on one of the days only goes from one to the other in one step: nobody knows how much it used.
WITH cost_of AS (
    SELECT
        day = $day AS is_now,
        linkid,
        plan_id,
        plan_name,
        tier,
        zone,
        period_start,
        overage_cost IS NOT NULL AS is_known,
        -- Usage that has no price in the report has none here.
        CASE WHEN overage_cost IS NOT NULL THEN usage_bytes END AS bytes,
        included_bytes,
        overage_rate_per_mb,
        recurring_amount,
        coalesce(recurring_amount, 0) + coalesce(overage_cost, 0) + coalesce(usage_charge, 0) AS cost
    FROM hologram.overage_report
    WHERE org_id = $org_id AND (day = $day OR day = $compared_day)
),
then_prices AS (
    SELECT plan_id, zone, included_bytes, overage_rate_per_mb, recurring_amount
    FROM hologram.plan_catalog
    WHERE org_id = $org_id AND day = $compared_day AND is_current_tier AND is_offered
      AND NOT is_dynamic_pool AND NOT use_variable_rates
),
both_days AS (
    SELECT
        b.plan_id AS plan_before,
        a.plan_id AS plan_after,
        b.cost AS cost_before,
        a.cost AS cost_after,
        a.is_known = b.is_known AS is_told,
        -- Since the same day of the last period every SIM's has, and stands where it stood; but not one of several months.
        -- Months differ by three days.
        hours_between(a.period_start, b.period_start) >= 12 AND (
            $since = 'yesterday'
            OR abs(hours_between(a.period_start, b.period_start)
                   - 24 * date_diff('day', CAST($compared_day AS DATE), CAST($day AS DATE))) > 84) AS has_begun,
        CASE WHEN has_begun THEN 0 ELSE b.bytes END AS base,
        b.included_bytes AS before_allowance,
        b.overage_rate_per_mb AS before_rate,
        b.recurring_amount AS before_recurring,
        a.included_bytes AS after_allowance,
        a.overage_rate_per_mb AS after_rate,
        a.recurring_amount AS after_recurring,
        (a.plan_id, a.zone) IS DISTINCT FROM (b.plan_id, b.zone) AS is_moved,
        -- Prices of the plan it is on now as they were then; of a plan that did not exist, those of now.
        CASE WHEN is_moved THEN coalesce(t.included_bytes, a.included_bytes) ELSE b.included_bytes END AS moved_allowance,
        CASE WHEN is_moved THEN CASE WHEN t.plan_id IS NULL THEN a.overage_rate_per_mb ELSE t.overage_rate_per_mb END
            ELSE b.overage_rate_per_mb END AS moved_rate,
        CASE WHEN is_moved THEN CASE WHEN t.plan_id IS NULL THEN a.recurring_amount ELSE t.recurring_amount END
            ELSE b.recurring_amount END AS moved_recurring
    FROM cost_of AS b
    JOIN cost_of AS a ON a.linkid = b.linkid AND a.is_now
    LEFT JOIN then_prices AS t ON t.plan_id = a.plan_id AND t.zone = a.zone
    WHERE NOT b.is_now
),
stepped AS (
    SELECT
        *,
        CASE WHEN has_begun THEN period_cost(0, before_allowance, before_rate, before_recurring, $increment, $mb)
            ELSE cost_before END AS begun,
        CASE WHEN is_moved THEN period_cost(base, moved_allowance, moved_rate, moved_recurring, $increment, $mb)
            ELSE begun END AS moved,
        CASE WHEN (after_allowance, after_rate, after_recurring) IS NOT DISTINCT FROM
                  (moved_allowance, moved_rate, moved_recurring) THEN moved
            ELSE period_cost(base, after_allowance, after_rate, after_recurring, $increment, $mb) END AS repriced
    FROM both_days
    WHERE is_told
),
effects AS (
    SELECT plan_id, -cost AS sim_count, 0 AS became_known, 0 AS periods_begun, 0 AS plan_mix, 0 AS rate, 0 AS usage_per_sim
    FROM cost_of AS b
    WHERE NOT is_now AND NOT EXISTS (SELECT 1 FROM cost_of AS a WHERE a.is_now AND a.linkid = b.linkid)
    UNION ALL BY NAME
    SELECT plan_id, cost AS sim_count
    FROM cost_of AS a
    WHERE is_now AND NOT EXISTS (SELECT 1 FROM cost_of AS b WHERE NOT b.is_now AND b.linkid = a.linkid)
    UNION ALL BY NAME
    SELECT plan_before AS plan_id, -cost_before AS became_known FROM both_days WHERE NOT is_told
    UNION ALL BY NAME
    SELECT plan_after AS plan_id, cost_after AS became_known FROM both_days WHERE NOT is_told
    UNION ALL BY NAME
    SELECT plan_before AS plan_id, begun - cost_before AS periods_begun, CASE WHEN is_moved THEN -begun ELSE 0 END AS plan_mix
    FROM stepped
    UNION ALL BY NAME
    SELECT
        plan_after AS plan_id,
        CASE WHEN is_moved THEN moved ELSE 0 END AS plan_mix,
        repriced - moved AS rate,
        cost_after - repriced AS usage_per_sim
    FROM stepped
),
parts AS (
    SELECT plan_id, 0 AS before_cost, 0 AS late_corrections, sim_count, became_known, periods_begun, plan_mix, rate, usage_per_sim, 0 AS after_cost
    FROM effects
    UNION ALL BY NAME
    SELECT plan_id, CASE WHEN is_now THEN 0 ELSE cost END AS late_corrections, CASE WHEN is_now THEN cost ELSE 0 END AS after_cost
    FROM cost_of
    UNION ALL BY NAME
    -- What was published, or what is stored where nothing was.
    SELECT plan_id, cost_to_date AS before_cost, -cost_to_date AS late_corrections
    FROM hologram.published_costs
    WHERE org_id = $org_id AND day = $compared_day AND (plan_id IS NOT NULL OR cost_to_date <> 0)
    UNION ALL BY NAME
    SELECT plan_id, cost AS before_cost, -cost AS late_corrections
    FROM cost_of
    WHERE NOT is_now
      AND NOT EXISTS (SELECT 1 FROM hologram.published_costs WHERE org_id = $org_id AND day = $compared_day)
),
names AS (
    SELECT plan_id, arg_max(plan_name, is_now) AS plan_name FROM cost_of WHERE plan_name IS NOT NULL GROUP BY plan_id
)
SELECT
    CAST($org_id AS BIGINT) AS org_id,
    CAST($day AS DATE) AS day,
    $since AS since,
    CAST($compared_day AS DATE) AS compared_day,
    CASE WHEN grouping(parts.plan_id) = 1 THEN 'total' ELSE 'plan' END AS scope,
    parts.plan_id,
    CASE WHEN grouping(parts.plan_id) = 0 THEN max(names.plan_name) END AS plan_name,
    coalesce(sum(before_cost), 0) AS before_cost,
    coalesce(sum(late_corrections), 0) AS late_corrections,
    coalesce(sum(sim_count), 0) AS sim_count,
    coalesce(sum(became_known), 0) AS became_known,
    coalesce(sum(periods_begun), 0) AS periods_begun,
    coalesce(sum(plan_mix), 0) AS plan_mix,
    coalesce(sum(rate), 0) AS rate,
    coalesce(sum(usage_per_sim), 0) AS usage_per_sim,
    coalesce(sum(after_cost), 0) AS after_cost
FROM parts
LEFT JOIN names ON names.plan_id = parts.plan_id
GROUP BY GROUPING SETS ((), (parts.plan_id))
ORDER BY scope DESC, abs(coalesce(sum(after_cost), 0) - coalesce(sum(before_cost), 0)) DESC, parts.plan_id
