-- The SIMs of which a network rule might tell something on any day of the window, with those rules. Grain: linkid.
-- Inputs: temp tables `maybe` (network_maybe.sql), `network_words` and `rat_words` (name, word); raw_sessions of the window and
-- daily_link_usage of its baselines, of the SIMs in `maybe` that their sums alone can't judge.
-- Parameters: $org_id, $day, $window_days, $baseline_days, $lag_days, and thresholds of domain.network_rules by their names.
-- Python reference: the rules in domain.network_*; as in network_maybe.sql, a SIM too many may pass, never one too few.
WITH events AS (
    SELECT
        r.linkid, r.day, r.session_end, r.record_id, n.word AS network, l.word AS level, f.top, f.was_below,
        r.linkid IN (SELECT linkid FROM maybe WHERE rule = 'flapping') AS is_moving
    FROM hologram.raw_sessions AS r
    LEFT JOIN maybe AS f ON f.linkid = r.linkid AND f.rule = 'rat_downgrade'
    LEFT JOIN network_words AS n ON n.name = r.network_name
    LEFT JOIN rat_words AS l ON l.name = r.radio_access_technology
    WHERE r.org_id = $org_id AND r.day BETWEEN CAST($day AS DATE) - CAST($window_days AS INTEGER) AND $day
      AND r.linkid IN (SELECT linkid FROM maybe WHERE rule IN ('rat_downgrade', 'flapping'))
      AND (n.word IS NOT NULL OR l.word IS NOT NULL)
),
-- One pass for all that hangs on the order of a SIM's sessions: to sort them takes longer than anything else here.
ordered AS MATERIALIZED (
    SELECT
        linkid, day, session_end, level < top AS is_below, was_below, is_moving,
        sum(CAST(level >= top AS INTEGER)) OVER sim AS row_number,
        coalesce(network <> lag(network IGNORE NULLS) OVER sim, FALSE)
            OR coalesce(level <> lag(level IGNORE NULLS) OVER sim, FALSE) AS is_change,
        coalesce(session_end = lag(session_end) OVER sim, FALSE)
            OR coalesce(session_end = lead(session_end) OVER sim, FALSE) AS is_tied
    FROM events
    WINDOW sim AS (PARTITION BY linkid ORDER BY session_end, record_id)
),
-- rat_downgrade: rows of sessions below the top, parted by those on it. Row 0 may have begun before the window.
falling AS (
    SELECT linkid
    FROM ordered
    WHERE is_below
    GROUP BY linkid, coalesce(row_number, 0)
    HAVING count(*) >= $rat_run_min OR (coalesce(row_number, 0) = 0 AND bool_or(was_below))
),
-- network_shift: on some day of the window, and with the three days before it, 60 % of ten sessions on a network (the sessions
-- of the two days that surely lie within three days of the last one count as those that must be outnumbered), while another
-- network has 60 % of that day's baseline.
lately AS (
    SELECT u.linkid, u.back, w.word AS network, sum(u.sessions) AS sessions
    FROM (
        SELECT linkid, CAST($day AS DATE) - day AS back, network_name, count(*) AS sessions
        FROM hologram.raw_sessions
        WHERE org_id = $org_id AND day BETWEEN CAST($day AS DATE) - CAST($window_days AS INTEGER) AND $day
          AND linkid IN (SELECT linkid FROM maybe WHERE rule = 'network_shift')
        GROUP BY ALL
        UNION ALL
        SELECT linkid, CAST($day AS DATE) - day AS back, network_name, sessions
        FROM hologram.daily_link_usage
        WHERE org_id = $org_id
          AND day BETWEEN CAST($day AS DATE) - CAST($window_days + $shift_days AS INTEGER)
              AND CAST($day AS DATE) - CAST($window_days + 1 AS INTEGER)
          AND linkid IN (SELECT linkid FROM maybe WHERE rule = 'network_shift')
    ) AS u
    JOIN network_words AS w ON w.name = u.network_name AND w.word IS NOT NULL
    GROUP BY ALL
),
moved AS MATERIALIZED (
    SELECT d.back AS of_day, m.linkid, m.network
    FROM maybe AS m
    CROSS JOIN range($window_days + 1) AS d(back)
    JOIN lately AS l ON l.linkid = m.linkid AND l.back BETWEEN d.back AND d.back + $shift_days
    WHERE m.rule = 'network_shift'
    GROUP BY d.back, m.linkid, m.network
    HAVING sum(l.sessions) >= $shift_sessions
       AND sum(l.sessions) FILTER (WHERE l.network = m.network) >= $shift_share * greatest(
           $shift_sessions,
           coalesce(sum(l.sessions) FILTER (WHERE l.back BETWEEN d.back + 1 AND d.back + $shift_days - 1), 0)) - 0.001
),
-- flapping: six changes of network or RAT within 24 hours, in half of the sessions, which the SIM's excursions don't explain.
busy AS (
    SELECT DISTINCT linkid
    FROM (
        SELECT linkid, sum(changes) OVER (PARTITION BY linkid ORDER BY day
            RANGE BETWEEN to_days(CAST(ceil($flapping_hours / 24) AS INTEGER)) PRECEDING AND CURRENT ROW) AS changes
        FROM (
            SELECT linkid, day, count(*) FILTER (WHERE is_change) AS changes FROM ordered WHERE is_moving GROUP BY linkid, day)
    )
    WHERE changes >= $flapping_changes
),
-- Of sessions of the same moment each is counted as if it came last; which of them did, the next step doesn't ask.
flaps AS MATERIALIZED (
    SELECT
        linkid,
        CAST($day AS DATE) - day AS of_day,
        is_change,
        is_tied,
        count(*) FILTER (WHERE is_change) OVER lately AS changes,
        count(*) OVER lately AS sessions
    FROM ordered
    WHERE linkid IN (SELECT linkid FROM busy)
    WINDOW lately AS (PARTITION BY linkid ORDER BY session_end
        RANGE BETWEEN to_microseconds(CAST($flapping_hours * 3600000000 AS BIGINT) - 1) PRECEDING AND CURRENT ROW)
    QUALIFY changes >= $flapping_changes AND (is_tied OR (is_change AND changes >= $flapping_share * sessions))
),
-- What these SIMs did on the days of the baselines.
daily AS MATERIALIZED (
    SELECT u.linkid, CAST($day AS DATE) - u.day AS back, n.word AS network, l.word AS level, sum(u.sessions) AS sessions
    FROM hologram.daily_link_usage AS u
    LEFT JOIN network_words AS n ON n.name = u.network_name
    LEFT JOIN rat_words AS l ON l.name = u.radio_access_technology
    WHERE u.org_id = $org_id
      AND u.day BETWEEN CAST($day AS DATE) - CAST($lag_days + $baseline_days - 1 + $window_days AS INTEGER)
          AND CAST($day AS DATE) - CAST($lag_days AS INTEGER)
      AND u.linkid IN (SELECT linkid FROM moved UNION SELECT linkid FROM flaps)
    GROUP BY ALL
),
baselines AS (
    SELECT d.linkid, b.back AS of_day, d.network, sum(d.sessions) AS sessions
    FROM daily AS d
    JOIN range($window_days + 1) AS b(back) ON d.back BETWEEN b.back + $lag_days AND b.back + $lag_days + $baseline_days - 1
    WHERE d.network IS NOT NULL AND d.linkid IN (SELECT linkid FROM moved)
    GROUP BY ALL
),
usual AS (
    SELECT linkid, of_day, network
    FROM baselines
    QUALIFY sessions >= $shift_baseline_share * sum(sessions) OVER (PARTITION BY linkid, of_day) - 0.001
),
shifting AS (
    SELECT DISTINCT m.linkid
    FROM moved AS m
    JOIN usual AS u ON u.linkid = m.linkid AND u.of_day = m.of_day AND u.network <> m.network
),
-- Of the sessions whose network and RAT are known, those that are not on the day's most frequent pair of them.
days AS (
    SELECT linkid, back, sum(sessions) AS placed, max(sessions) AS usually_placed
    FROM daily
    WHERE network IS NOT NULL AND level IS NOT NULL
    GROUP BY linkid, back
),
excursions AS (
    SELECT d.linkid, b.back AS of_day, 1 - sum(d.usually_placed) / CAST(sum(d.placed) AS DOUBLE) AS excursions
    FROM days AS d
    JOIN range($window_days + 1) AS b(back) ON d.back BETWEEN b.back + $lag_days AND b.back + $lag_days + $baseline_days - 1
    WHERE d.linkid IN (SELECT linkid FROM flaps)
    GROUP BY d.linkid, b.back
),
likely AS (
    SELECT
        f.*,
        f.changes // 2 AS trips,
        f.sessions - f.changes // 2 + 1 AS places,
        greatest($rat_share_floor, coalesce(e.excursions, 0)) AS excursions
    FROM flaps AS f
    LEFT JOIN excursions AS e ON e.linkid = f.linkid AND e.of_day = f.of_day
),
-- domain.network_flapping.chance_of, by logarithms, to a part in a million.
flapping AS (
    SELECT DISTINCT linkid
    FROM likely
    WHERE is_tied
       OR $flapping_false_alarms >= 1
       OR lgamma(places + 1) - lgamma(trips + 1) - lgamma(places - trips + 1) + trips * ln(excursions)
           < ln($flapping_false_alarms) + 0.000001
)
SELECT linkid, list(DISTINCT rule ORDER BY rule) AS rules
FROM maybe AS m
WHERE CASE m.rule
    WHEN 'rat_downgrade' THEN m.linkid IN (SELECT linkid FROM falling)
    WHEN 'network_shift' THEN m.linkid IN (SELECT linkid FROM shifting)
    WHEN 'flapping' THEN m.linkid IN (SELECT linkid FROM flapping)
    ELSE TRUE
END
GROUP BY linkid
ORDER BY linkid
