-- Which plan a SIM should be on. Grain: linkid. Inputs: overage_report, plan_catalog and alerts of the day; closed_periods
-- and billing_periods up to it. Parameters: $org_id, $day, $calendar_month, $increment, $mb, $periods, $saving_usd,
-- $saving_share, $beyond_times, $alerts_known.
--
-- Every plan is priced at the day's prices for the same usage: that of the last closed periods, and what the running one
-- stays below nine times out of ten. A plan counts that is offered to new SIMs and priced, for the same coverage region,
-- in the SIM's zone, with periods as long.
CREATE OR REPLACE TEMP TABLE judged_sims AS
WITH shapes AS (
    SELECT plan_id, zone, any_value(coverage_region_id) AS region, any_value(billingperiod) AS billingperiod
    FROM hologram.plan_catalog
    WHERE org_id = $org_id AND day = $day AND is_current_tier
    GROUP BY plan_id, zone
)
SELECT
    r.*,
    s.region,
    coalesce(s.billingperiod, 1) AS billingperiod,
    r.pricing_status = 'priced' AND r.recurring_amount IS NOT NULL AND r.projected_bound_bytes IS NOT NULL AS is_priced,
    CASE WHEN r.complete_through IS NOT NULL THEN greatest(r.complete_through, r.period_start) END AS as_of
FROM hologram.overage_report AS r
LEFT JOIN shapes AS s ON s.plan_id = r.plan_id AND s.zone = r.zone
WHERE r.org_id = $org_id AND r.day = $day;

-- The usages that a plan is judged by. Grain: linkid, period_end (null: the running period).
CREATE OR REPLACE TEMP TABLE judged_usages AS
WITH ended AS (
    SELECT
        linkid,
        period_end,
        CASE WHEN usage_source <> 'incomplete' THEN greatest(session_bytes, coalesce(hologram_bytes, 0)) END AS bytes
    FROM hologram.closed_periods
    WHERE org_id = $org_id AND day <= $day
    UNION ALL
    -- Hologram's final totals reach further back than what was loaded here.
    SELECT b.linkid, b.period_end, b.bytes
    FROM hologram.billing_periods AS b
    WHERE b.org_id = $org_id AND b.day <= $day AND b.fetched_at >= b.period_end AND NOT $calendar_month
      AND NOT EXISTS (
          SELECT 1 FROM hologram.closed_periods AS c
          WHERE c.org_id = $org_id AND c.linkid = b.linkid AND c.day BETWEEN b.day - 1 AND b.day + 1
            AND hours_between(c.period_end, b.period_end) < 12)
),
latest AS (
    SELECT e.linkid, e.period_end, e.bytes, s.period_start, s.billingperiod
    FROM ended AS e
    JOIN judged_sims AS s ON s.linkid = e.linkid AND s.is_priced AND e.period_end < s.period_start + INTERVAL 12 HOUR
    QUALIFY row_number() OVER (PARTITION BY e.linkid ORDER BY e.period_end DESC) <= $periods
),
-- All of them known, and none between them lacking; ends jitter by seconds, and an activation can move one by a day.
whole AS (
    SELECT linkid
    FROM latest
    GROUP BY linkid
    HAVING count(bytes) = $periods
       AND min(period_end)
           >= any_value(
               CASE
                   WHEN $calendar_month THEN period_start - to_months(CAST($periods - 1 AS INTEGER))
                   ELSE period_start - to_days(CAST(30 * billingperiod * ($periods - 1) + 3 AS INTEGER))
               END)
)
SELECT linkid, period_end, bytes FROM latest WHERE linkid IN (SELECT linkid FROM whole)
UNION ALL
SELECT linkid, NULL, projected_bound_bytes FROM judged_sims WHERE linkid IN (SELECT linkid FROM whole);

-- Plans that a SIM may change to, by what they must share with its own.
CREATE OR REPLACE TEMP TABLE offers AS
SELECT
    plan_id, any_value(name) AS plan_name, zone, coverage_region_id AS region, billingperiod, any_value(included_bytes) AS allowance,
    any_value(overage_rate_per_mb) AS rate, any_value(recurring_amount) AS recurring
FROM hologram.plan_catalog
WHERE org_id = $org_id AND day = $day AND is_current_tier AND is_offered AND is_enabled
  AND NOT is_dynamic_pool AND NOT use_variable_rates AND overage_rate_per_mb IS NOT NULL AND recurring_amount IS NOT NULL
GROUP BY plan_id, zone, coverage_region_id, billingperiod;

-- The best plan of each SIM that has a history. Grain: linkid.
-- A fleet has millions of pairs of SIM and plan, and an exact price takes a microsecond: DOUBLE decides which plans can't be
-- the best, and leaves one or two for DECIMAL to decide. It is off by less than `slack`.
CREATE OR REPLACE TEMP TABLE best_plans AS
WITH usages AS (
    SELECT
        linkid,
        list(CAST(bytes AS DOUBLE)) FILTER (WHERE period_end IS NOT NULL) AS history,
        max(CAST(bytes AS DOUBLE)) FILTER (WHERE period_end IS NULL) AS forecast,
        CAST(max(bytes) FILTER (WHERE period_end IS NOT NULL) AS BIGINT) AS highest_bytes,
        median(bytes) FILTER (WHERE period_end IS NOT NULL) AS median_bytes
    FROM judged_usages
    GROUP BY linkid
),
own AS (
    SELECT
        linkid,
        sum(cost) FILTER (WHERE period_end IS NOT NULL) AS history_cost,
        sum(cost) FILTER (WHERE period_end IS NULL) AS forecast_cost,
        CAST(sum(cost) AS DOUBLE) * 1e-9 + 0.001 AS slack
    FROM (
        SELECT
            s.linkid,
            u.period_end,
            period_cost(u.bytes, s.included_bytes, s.overage_rate_per_mb, s.recurring_amount, $increment, $mb) AS cost
        FROM judged_sims AS s
        JOIN judged_usages AS u ON u.linkid = s.linkid
    )
    GROUP BY linkid
),
about AS (
    SELECT
        s.linkid,
        o.plan_id,
        list_sum(list_transform(u.history, lambda bytes: about_cost(bytes, o.allowance, o.rate, o.recurring, $increment, $mb)))
            - CAST(n.history_cost AS DOUBLE) AS history_more,
        about_cost(u.forecast, o.allowance, o.rate, o.recurring, $increment, $mb)
            - CAST(n.forecast_cost AS DOUBLE) AS forecast_more,
        n.slack
    FROM judged_sims AS s
    JOIN usages AS u ON u.linkid = s.linkid
    JOIN own AS n ON n.linkid = s.linkid
    JOIN offers AS o
        ON o.zone = s.zone AND o.region IS NOT DISTINCT FROM s.region AND o.billingperiod = s.billingperiod
        AND o.plan_id <> s.plan_id
    WHERE history_more <= n.slack AND forecast_more <= n.slack
),
-- All that come within the slack of the best one that surely counts; all, where none does.
shortlist AS (
    SELECT linkid, plan_id
    FROM about
    QUALIFY coalesce(
        history_more + forecast_more <= 2 * slack + min(history_more + forecast_more)
            FILTER (WHERE history_more <= -slack AND forecast_more <= -slack) OVER (PARTITION BY linkid),
        TRUE)
),
others AS (
    SELECT
        linkid,
        plan_id,
        sum(cost) FILTER (WHERE period_end IS NOT NULL) AS history_cost,
        sum(cost) FILTER (WHERE period_end IS NULL) AS forecast_cost
    FROM (
        SELECT
            l.linkid,
            l.plan_id,
            u.period_end,
            period_cost(u.bytes, o.allowance, o.rate, o.recurring, $increment, $mb) AS cost
        FROM shortlist AS l
        JOIN judged_sims AS s ON s.linkid = l.linkid
        JOIN offers AS o
            ON o.plan_id = l.plan_id AND o.zone = s.zone AND o.region IS NOT DISTINCT FROM s.region
            AND o.billingperiod = s.billingperiod
        JOIN judged_usages AS u ON u.linkid = l.linkid
    )
    GROUP BY linkid, plan_id
),
-- In neither view dearer than what the SIM is on.
cheaper AS (
    SELECT o.*
    FROM others AS o
    JOIN own AS n ON n.linkid = o.linkid
    WHERE o.history_cost <= n.history_cost AND o.forecast_cost <= n.forecast_cost
      AND o.history_cost + o.forecast_cost < n.history_cost + n.forecast_cost
    QUALIFY row_number() OVER (
        PARTITION BY o.linkid ORDER BY o.history_cost + o.forecast_cost, o.plan_id) = 1
)
SELECT
    n.linkid,
    u.highest_bytes,
    u.median_bytes,
    n.history_cost AS own_history_cost,
    n.forecast_cost AS own_forecast_cost,
    c.plan_id,
    coalesce(c.history_cost, n.history_cost) AS history_cost,
    coalesce(c.forecast_cost, n.forecast_cost) AS forecast_cost
FROM own AS n
JOIN usages AS u ON u.linkid = n.linkid
LEFT JOIN cheaper AS c ON c.linkid = n.linkid;

-- Larger plans for SIMs that overage is expected of, in the running period alone. Grain: linkid.
CREATE OR REPLACE TEMP TABLE upgrades AS
WITH shortlist AS (
    SELECT
        s.linkid,
        o.plan_id,
        about_cost(s.projected_bytes, o.allowance, o.rate, o.recurring, $increment, $mb) AS about
    FROM judged_sims AS s
    JOIN offers AS o
        ON o.zone = s.zone AND o.region IS NOT DISTINCT FROM s.region AND o.billingperiod = s.billingperiod
        AND o.plan_id <> s.plan_id AND o.allowance > s.included_bytes
    WHERE s.is_priced AND s.included_bytes > 0 AND s.projected_overage_cost > 0
    QUALIFY about <= (1 + 1e-9) * min(about) OVER (PARTITION BY s.linkid) + 0.001
),
priced AS (
    SELECT
        s.linkid,
        s.usage_bytes,
        s.projected_bytes,
        s.included_bytes,
        s.projected_overage_cost AS pay_cost,
        o.plan_id,
        o.plan_name,
        o.allowance,
        period_cost(s.projected_bytes, o.allowance, o.rate, o.recurring, $increment, $mb) - s.recurring_amount AS upgrade_cost,
        -- Bytes beyond the allowance whose overage is as much as the larger plan's recurring amount is higher.
        CASE WHEN s.overage_rate_per_mb > 0 THEN greatest(0, floor_div(
            nanos(o.recurring - s.recurring_amount) * $mb + nanos(s.overage_rate_per_mb) - 1,
            nanos(s.overage_rate_per_mb))) END AS even_within,
        -- The same beyond the larger plan's allowance, if a byte costs less there; up to one increment more is billed.
        CASE WHEN s.overage_rate_per_mb > o.rate THEN floor_div(
            (nanos(o.recurring - s.recurring_amount) + 1000) * $mb
                - nanos(o.rate) * (o.allowance - s.included_bytes - $increment)
                + nanos(s.overage_rate_per_mb - o.rate) - 1,
            nanos(s.overage_rate_per_mb - o.rate)) END AS even_beyond,
        s.as_of,
        s.period_end
    FROM shortlist AS l
    JOIN judged_sims AS s ON s.linkid = l.linkid
    JOIN offers AS o
        ON o.plan_id = l.plan_id AND o.zone = s.zone AND o.region IS NOT DISTINCT FROM s.region
        AND o.billingperiod = s.billingperiod
    QUALIFY row_number() OVER (PARTITION BY s.linkid ORDER BY upgrade_cost, o.plan_id) = 1
)
SELECT
    *,
    TRY_CAST(
        included_bytes + CASE WHEN included_bytes + even_within <= allowance THEN even_within ELSE even_beyond END AS BIGINT)
        AS even_bytes,
    -- Within one billed increment the larger plan may cost less a little before.
    CASE WHEN upgrade_cost < pay_cost THEN least(even_bytes, projected_bytes) ELSE even_bytes END AS break_even_bytes,
    CASE
        WHEN break_even_bytes <= usage_bytes THEN CAST($day AS DATE)
        WHEN break_even_bytes <= projected_bytes THEN CAST(
            as_of + to_microseconds(CAST(floor(
                (epoch_us(period_end) - epoch_us(as_of))
                * (CAST(break_even_bytes - usage_bytes AS DOUBLE) / (projected_bytes - usage_bytes))) AS BIGINT))
            - INTERVAL 1 MICROSECOND AS DATE)
    END AS break_even_on
FROM priced;

-- What is wrong on a SIM just now: its usage of today says little about its plan. Grain: linkid.
CREATE OR REPLACE TEMP TABLE anomalies AS
WITH open AS (
    SELECT linkid, rule, family, detail
    FROM hologram.alerts
    WHERE org_id = $org_id AND day = $day AND state IN ('open', 'escalated', 'silenced')
),
found AS (
    SELECT linkid, rule FROM open WHERE linkid IS NOT NULL AND (family = 'network' OR rule = 'payg_spend')
    UNION
    -- What befell several SIMs at once stands once, with its SIMs.
    SELECT CAST(unnest(from_json(detail->'sims', '["BIGINT"]')) AS BIGINT), rule FROM open WHERE family = 'network'
    UNION
    SELECT b.linkid, 'usage_beyond_history'
    FROM best_plans AS b
    JOIN judged_sims AS s ON s.linkid = b.linkid
    WHERE s.projected_bound_bytes > $beyond_times * greatest(b.median_bytes, $mb)
)
SELECT linkid, string_agg(rule, ', ' ORDER BY rule) AS anomaly FROM found GROUP BY linkid;

-- What each usage costs on the SIM's plan and on the best one, in words. Grain: linkid.
CREATE OR REPLACE TEMP TABLE workings AS
SELECT
    s.linkid,
    string_agg(
        CASE WHEN u.period_end IS NULL THEN 'forecast ' ELSE 'to ' || strftime(u.period_end, '%Y-%m-%d') || ' ' END
        || printf('%.3f MB: ', u.bytes / CAST($mb AS DOUBLE))
        || period_cost(u.bytes, s.included_bytes, s.overage_rate_per_mb, s.recurring_amount, $increment, $mb)
        || CASE WHEN o.plan_id IS NULL THEN ''
            ELSE ' → ' || period_cost(u.bytes, o.allowance, o.rate, o.recurring, $increment, $mb) END,
        '; ' ORDER BY u.period_end NULLS LAST) AS lines
FROM judged_sims AS s
JOIN judged_usages AS u ON u.linkid = s.linkid
JOIN best_plans AS b ON b.linkid = s.linkid
LEFT JOIN offers AS o ON o.plan_id = b.plan_id AND o.zone = s.zone AND o.region IS NOT DISTINCT FROM s.region
    AND o.billingperiod = s.billingperiod
GROUP BY s.linkid;

CREATE OR REPLACE TEMP TABLE fresh AS
WITH weighed AS (
    SELECT
        s.*,
        b.highest_bytes,
        b.own_history_cost,
        b.own_forecast_cost,
        b.history_cost,
        b.forecast_cost,
        b.plan_id AS other_plan_id,
        b.linkid IS NOT NULL AS has_history,
        b.own_history_cost - b.history_cost AS history_saved,
        b.own_forecast_cost - b.forecast_cost AS forecast_saved,
        a.anomaly
    FROM judged_sims AS s
    LEFT JOIN best_plans AS b ON b.linkid = s.linkid
    LEFT JOIN anomalies AS a ON a.linkid = s.linkid
),
decided AS (
    SELECT
        *,
        CASE
            WHEN NOT is_priced THEN 'not_priced'
            WHEN NOT has_history THEN 'too_little_history'
            WHEN other_plan_id IS NULL THEN 'cheapest_already'
            WHEN history_saved < $periods * CAST($saving_usd AS DECIMAL(18, 6))
                OR history_saved < CAST($saving_share AS DECIMAL(9, 6)) * own_history_cost
                OR forecast_saved < CAST($saving_usd AS DECIMAL(18, 6))
                OR forecast_saved < CAST($saving_share AS DECIMAL(9, 6)) * own_forecast_cost THEN 'saving_too_small'
            WHEN anomaly IS NOT NULL THEN 'anomaly_open'
            WHEN NOT $alerts_known THEN 'alerts_missing'
            ELSE 'recommended'
        END AS verdict
    FROM weighed
),
named AS (
    SELECT plan_id, any_value(plan_name) AS plan_name FROM offers GROUP BY plan_id
)
SELECT
    d.org_id,
    d.day,
    d.linkid,
    d.device_name,
    d.plan_id,
    d.plan_name,
    d.zone,
    d.verdict,
    d.anomaly,
    CASE WHEN d.has_history THEN $periods ELSE 0 END AS periods,
    d.highest_bytes,
    d.projected_bound_bytes AS forecast_bytes,
    d.own_history_cost AS current_history_cost,
    d.own_forecast_cost AS current_forecast_cost,
    CASE WHEN d.has_history THEN coalesce(d.other_plan_id, d.plan_id) END AS best_plan_id,
    CASE WHEN d.has_history THEN coalesce(n.plan_name, d.plan_name) END AS best_plan_name,
    d.history_cost AS best_history_cost,
    d.forecast_cost AS best_forecast_cost,
    per_period(d.history_saved, $periods) AS saving_per_period,
    CASE
        WHEN d.own_history_cost > 0
            THEN round(100.0 * CAST(d.history_saved AS DOUBLE) / CAST(d.own_history_cost AS DOUBLE), 2)
    END AS saving_percent,
    d.forecast_saved AS forecast_saving,
    CASE WHEN d.verdict = 'recommended' THEN d.other_plan_id END AS recommended_plan_id,
    CASE WHEN d.verdict = 'recommended' THEN n.plan_name END AS recommended_plan_name,
    CASE d.verdict
        WHEN 'not_priced' THEN CASE
            WHEN d.pricing_status <> 'priced' THEN 'The plan has no price here (' || d.pricing_status || ').'
            WHEN d.recurring_amount IS NULL THEN 'The plan has no recurring amount here.'
            ELSE 'Usage of the running period is not wholly known, so that nothing is foreseen.' END
        WHEN 'too_little_history' THEN
            'The last ' || $periods || ' closed periods are not all known, one after the other up to the running one.'
        ELSE 'USD on ' || coalesce(d.plan_name, d.plan_id::VARCHAR)
            || CASE WHEN d.other_plan_id IS NULL THEN '' ELSE ' → ' || coalesce(n.plan_name, d.other_plan_id::VARCHAR) END
            || '. ' || w.lines || '. '
            || CASE WHEN d.other_plan_id IS NULL THEN 'No other plan costs less.'
                ELSE 'In the closed periods ' || d.own_history_cost || ' → ' || d.history_cost || ': '
                    || per_period(d.history_saved, $periods) || ' less a period; in the running one '
                    || d.forecast_saved || ' less.' END
            || CASE d.verdict
                WHEN 'saving_too_small' THEN ' Too little to recommend a change: at least ' || $saving_usd || ' USD and '
                    || printf('%g', 100 * CAST($saving_share AS DOUBLE)) || ' % a period.'
                WHEN 'alerts_missing' THEN ' Not recommended, for the alerts of the day were never derived.'
                WHEN 'anomaly_open' THEN ' Not recommended while something is wrong on the SIM: ' || d.anomaly || '.'
                ELSE '' END
    END AS arithmetic,
    u.plan_id AS upgrade_plan_id,
    u.plan_name AS upgrade_plan_name,
    CASE WHEN d.is_priced AND d.included_bytes > 0 AND d.projected_overage_cost > 0 THEN d.projected_overage_cost END
        AS pay_overage_cost,
    u.upgrade_cost,
    u.break_even_bytes,
    u.break_even_on,
    CASE
        WHEN d.period_end IS NOT NULL AND d.as_of IS NOT NULL THEN greatest(0, epoch_us(d.period_end) - epoch_us(d.as_of))
    END / CAST(86400000000 AS DOUBLE) AS days_left,
    CASE
        WHEN NOT (d.is_priced AND d.included_bytes > 0 AND d.projected_overage_cost > 0) THEN NULL
        WHEN u.upgrade_cost < u.pay_cost AND d.anomaly IS NOT NULL THEN 'anomaly_open'
        WHEN u.upgrade_cost < u.pay_cost AND NOT $alerts_known THEN 'alerts_missing'
        WHEN u.upgrade_cost < u.pay_cost THEN 'upgrade_now'
        ELSE 'pay_overage'
    END AS upgrade_advice
FROM decided AS d
LEFT JOIN named AS n ON n.plan_id = d.other_plan_id
LEFT JOIN upgrades AS u ON u.linkid = d.linkid
LEFT JOIN workings AS w ON w.linkid = d.linkid
