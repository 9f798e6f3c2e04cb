-- Where usage will stand at the end of each SIM's billing period, and when its allowance is used up. Grain: linkid.
-- Inputs: temp table `standings`, one row per SIM (linkid, plan_id, known_since, period_start, period_end, usage_bytes,
-- included_bytes; a SIM without usage_bytes has no forecast of its own, but its days count for its plan's rhythm);
-- daily_link_usage and partition_loads of the $history_days days before $as_of, of which those count that are loaded up to
-- their end; billing_periods, for since when a SIM is known. Makes temp table `forecasts`.
-- Parameters: $org_id, $as_of (null: nothing is foreseen), $history_days, $own_days, $one_off_times, $one_off_share.
-- Python reference: domain.forecast.
CREATE OR REPLACE TEMP TABLE forecasts AS
WITH whole_days AS (
    SELECT day FROM hologram.partition_loads
    WHERE org_id = $org_id AND asset = 'daily_link_usage'
      AND day >= CAST($as_of AS DATE) - CAST($history_days AS INTEGER) AND day < CAST($as_of AS DATE)
      AND complete_through >= CAST(day AS TIMESTAMP) + INTERVAL 1 DAY
),
used AS (
    SELECT linkid, day, sum(bytes) AS bytes
    FROM hologram.daily_link_usage
    WHERE org_id = $org_id
      AND day >= CAST($as_of AS DATE) - CAST($history_days AS INTEGER) AND day < CAST($as_of AS DATE)
    GROUP BY linkid, day
),
-- A billing period proves that the SIM was there, with or without usage; each lasts 30 days or more.
known AS (
    SELECT linkid, min(since) AS since
    FROM (
        SELECT linkid, known_since AS since FROM standings
        UNION ALL
        SELECT linkid, period_end - INTERVAL 30 DAY FROM hologram.billing_periods WHERE org_id = $org_id
    )
    GROUP BY linkid
),
-- The first whole day of the SIM: one on which it was activated at noon would look like one of little use. Usage before any
-- period that is known proves as much.
first_days AS (
    SELECT
        s.linkid,
        s.plan_id,
        CASE
            WHEN k.since IS NULL OR u.first_day < CAST(k.since AS DATE) THEN u.first_day
            ELSE CAST(k.since + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND AS DATE)
        END AS first_day
    FROM standings AS s
    LEFT JOIN known AS k ON k.linkid = s.linkid
    LEFT JOIN (SELECT linkid, min(day) AS first_day FROM used GROUP BY linkid) AS u ON u.linkid = s.linkid
),
-- Every whole day of every SIM; one without a row is one without usage.
daily AS (
    SELECT f.linkid, f.plan_id, w.day, CAST(coalesce(u.bytes, 0) AS BIGINT) AS bytes
    FROM first_days AS f
    JOIN whole_days AS w ON w.day >= f.first_day
    LEFT JOIN used AS u ON u.linkid = f.linkid AND u.day = w.day
),
sums AS (
    SELECT
        linkid,
        any_value(plan_id) AS plan_id,
        count(*) AS days,
        sum(bytes) AS bytes,
        max(bytes, 2) AS largest
    FROM daily
    GROUP BY linkid
),
-- The bytes of the day that is like no other, if there is one: it has no part in the rhythm, neither the SIM's nor the plan's.
one_offs AS (
    SELECT
        *,
        CASE
            WHEN largest[1] > CAST($one_off_times AS DOUBLE) * largest[2]
                AND largest[1] < CAST($one_off_share AS DOUBLE) * CAST(bytes AS DOUBLE)
                THEN largest[1]
        END AS one_off
    FROM sums
),
means AS (
    SELECT
        linkid,
        plan_id,
        one_off,
        days - CASE WHEN one_off IS NULL THEN 0 ELSE 1 END AS days,
        CAST(bytes - coalesce(one_off, 0) AS DOUBLE) / (days - CASE WHEN one_off IS NULL THEN 0 ELSE 1 END) AS mean
    FROM one_offs
),
-- Moments around the mean. Which of the few terms comes first moves the last digits only, far below the byte that is stored;
-- a plan has many, so they are added up in a fixed order. (To order a SIM's days took six times as long.)
own AS (
    SELECT
        m.linkid,
        m.plan_id,
        m.days,
        m.mean,
        sum((d.bytes - m.mean) ** 2) / m.days AS variance,
        sum((d.bytes - m.mean) ** 3) / m.days AS third
    FROM means AS m
    JOIN daily AS d ON d.linkid = m.linkid AND d.bytes IS DISTINCT FROM m.one_off
    GROUP BY m.linkid, m.plan_id, m.days, m.mean
),
plan_means AS (
    SELECT plan_id, sum(days) AS days, sum(days * mean ORDER BY linkid) / sum(days) AS mean
    FROM own
    WHERE plan_id IS NOT NULL
    GROUP BY plan_id
),
plans AS (
    SELECT
        p.plan_id,
        p.days,
        p.mean,
        sum(o.days * (o.variance + (o.mean - p.mean) ** 2) ORDER BY o.linkid) / p.days AS variance,
        sum(o.days * (o.third + 3 * (o.mean - p.mean) * o.variance + (o.mean - p.mean) ** 3) ORDER BY o.linkid) / p.days AS third
    FROM plan_means AS p
    JOIN own AS o ON o.plan_id = p.plan_id
    GROUP BY p.plan_id, p.days, p.mean
),
-- Which days speak, the SIM's or its plan's.
shares AS (
    SELECT
        s.linkid,
        CASE
            WHEN coalesce(o.days, 0) >= $own_days OR p.days IS NULL THEN 1
            ELSE coalesce(o.days, 0) / CAST($own_days AS DOUBLE)
        END AS share,
        coalesce(o.mean, 0) AS own_mean,
        coalesce(o.variance, 0) AS own_variance,
        coalesce(o.third, 0) AS own_third,
        coalesce(p.mean, 0) AS plan_mean,
        coalesce(p.variance, 0) AS plan_variance,
        coalesce(p.third, 0) AS plan_third
    FROM standings AS s
    LEFT JOIN own AS o ON o.linkid = s.linkid
    LEFT JOIN plans AS p ON p.plan_id = s.plan_id
    WHERE o.days > 0 OR p.days > 0
),
mixed AS (
    SELECT *, share * own_mean + (1 - share) * plan_mean AS mean FROM shares
),
away AS (
    SELECT *, own_mean - mean AS own_away, plan_mean - mean AS plan_away FROM mixed
),
rhythms AS (
    SELECT
        linkid,
        mean,
        share * (own_variance + own_away ** 2) + (1 - share) * (plan_variance + plan_away ** 2) AS variance,
        share * (own_third + 3 * own_away * own_variance + own_away ** 3)
            + (1 - share) * (plan_third + 3 * plan_away * plan_variance + plan_away ** 3) AS third
    FROM away
),
ahead AS (
    SELECT
        s.*,
        r.mean,
        sqrt(r.variance) AS deviation,
        CASE WHEN r.variance > 0 THEN greatest(0, r.third / r.variance) ELSE 0 END AS burst,
        -- Of a period that begins later today nothing has run yet.
        greatest(CAST($as_of AS TIMESTAMP), s.period_start) AS as_of,
        greatest(0, epoch_us(s.period_end) - epoch_us(greatest(CAST($as_of AS TIMESTAMP), s.period_start)))
            / CAST(86400000000 AS DOUBLE) AS remaining
    FROM standings AS s
    JOIN rhythms AS r ON r.linkid = s.linkid
    WHERE s.usage_bytes IS NOT NULL AND s.period_end IS NOT NULL AND $as_of IS NOT NULL
),
lines AS (
    SELECT
        *,
        usage_bytes + remaining * mean AS expected,
        1.2816 * (
            deviation * sqrt(remaining * (1 + remaining / $history_days)) + burst * remaining / $history_days
        ) AS more,
        CASE
            WHEN usage_bytes = included_bytes AND usage_bytes > 0 THEN as_of
            WHEN usage_bytes < included_bytes AND included_bytes <= expected
                THEN as_of + to_microseconds(
                    CAST(round_even((included_bytes - usage_bytes) / mean * CAST(86400000000 AS DOUBLE), 0) AS BIGINT))
        END AS exhausted_at
    FROM ahead
)
SELECT
    linkid,
    (epoch_us(as_of) - epoch_us(period_start)) / CAST(86400000000 AS DOUBLE) AS elapsed_days,
    CAST(round_even(expected, 0) AS BIGINT) AS projected_bytes,
    CAST(round_even(expected + more, 0) AS BIGINT) AS projected_bound_bytes,
    -- Midnight is the end of the day before it.
    CAST(exhausted_at - INTERVAL 1 MICROSECOND AS DATE) AS exhausted_on
FROM lines
