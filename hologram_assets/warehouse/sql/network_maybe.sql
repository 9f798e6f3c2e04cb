-- The SIMs of which a network rule might tell something on any day of the window, as far as sums of the window can say; of the
-- others none can. Grain: linkid, rule, network (network_shift alone). The next step, network_suspects.sql, looks closer.
-- Inputs: temp tables `recent` (network_recent.sql), `before` (network_before.sql), `network_words`, `country_words` (name,
-- word: what the name is compared by) and `rat_words` (name, word: its level).
-- Parameters: $day, $window_days, and thresholds of domain.network_rules by their names.
-- Python reference: the rules in domain.network_*. Each condition is one that a rule can't speak without; where sums can't
-- tell, the SIM passes. tests/warehouse/test_network_suspects.py holds it to that.
--   top, was_below  for rat_downgrade: a level that may be dominant, and whether the session before the window may be below
CREATE OR REPLACE TEMP TABLE maybe AS
WITH seen AS (
    SELECT
        r.linkid, n.word AS network, c.word AS country, l.word AS level, r.imei, r.sessions, r.used_sessions, r.bytes, r.first_seen
    FROM recent AS r
    LEFT JOIN network_words AS n ON n.name = r.network_name
    LEFT JOIN country_words AS c ON c.name = r.country
    LEFT JOIN rat_words AS l ON l.name = r.rat
),
met AS (
    SELECT b.*, n.word AS network, c.word AS country_word, l.word AS level
    FROM before AS b
    LEFT JOIN network_words AS n ON n.name = b.network_name
    LEFT JOIN country_words AS c ON c.name = b.country
    LEFT JOIN rat_words AS l ON l.name = b.rat
),
-- Nothing is told of a SIM before min_sessions of its sessions are known, so of the last session if of any
-- (SimView.known_from); what is new is judged by the time before the window alone (SimView.set_is_known).
known AS (
    SELECT s.linkid, coalesce(m.sessions, 0) >= $min_sessions AS set_is_known
    FROM (SELECT linkid, sum(sessions) AS sessions FROM recent GROUP BY linkid) AS s
    LEFT JOIN (SELECT linkid, sum(sessions) AS sessions FROM before GROUP BY linkid) AS m ON m.linkid = s.linkid
    WHERE s.sessions + coalesce(m.sessions, 0) > $min_sessions
),
-- new_network: two sessions or 10 kB on a network that the SIM was not on before the window.
new_networks AS (
    SELECT linkid
    FROM seen
    WHERE network IS NOT NULL
      AND NOT EXISTS (
          SELECT 1 FROM met AS m WHERE m.linkid = seen.linkid AND m.network = seen.network AND m.sessions > 0)
    GROUP BY linkid, network
    HAVING sum(sessions) >= $new_network_sessions OR sum(bytes) > $new_network_bytes
),
-- country_change: bytes in a country where the SIM was not before the window.
new_countries AS (
    SELECT DISTINCT linkid
    FROM seen
    WHERE country IS NOT NULL AND used_sessions > 0
      AND NOT EXISTS (
          SELECT 1 FROM met AS m WHERE m.linkid = seen.linkid AND m.country_word = seen.country AND m.sessions > 0)
),
-- imei_change: an IMEI of fewer than two sessions before the window, and another one before or beside it. Written in two
-- ways one device counts as two here.
imeis AS (
    SELECT linkid, imei, sum(recent) AS recent, sum(sessions) AS sessions
    FROM (
        SELECT linkid, imei, sessions AS recent, 0 AS sessions FROM recent
        UNION ALL
        SELECT linkid, imei, 0, sessions FROM before WHERE sessions > 0
    )
    WHERE imei IS NOT NULL
    GROUP BY linkid, imei
),
new_imeis AS (
    SELECT linkid
    FROM imeis
    GROUP BY linkid
    HAVING count(*) > 1 AND bool_or(recent > 0 AND sessions < $imei_run)
),
-- shared_imei: two SIMs whose IMEIs have the same 14 digits, in the window or within 24 hours before it.
devices AS (
    SELECT linkid, left(regexp_replace(imei, '[^0-9]', '', 'g'), 14) AS device
    FROM (
        SELECT linkid, imei FROM recent
        UNION
        SELECT linkid, imei FROM before
        WHERE last_seen >= CAST($day AS TIMESTAMP) - to_days(CAST($window_days AS INTEGER))
            - to_microseconds(CAST($shared_imei_hours * 3600000000 AS BIGINT))
    )
    WHERE imei IS NOT NULL
),
sharing AS (
    SELECT linkid
    FROM devices
    WHERE device IN (
        SELECT device FROM devices
        WHERE length(device) = 14 AND device <> '00000000000000'
          AND NOT list_contains(CAST($shared_imei_allowed_models AS VARCHAR[]), left(device, 8))
        GROUP BY device
        HAVING min(linkid) < max(linkid))
),
-- network_shift: a network with 60 % of ten sessions (so with six of them) in the window and the three days before, while
-- another one has 60 % in some day's baseline. Another one can't where this one has more than the other 40 % of all of them:
-- what it has on the days that all baselines share, of what any of them may hold.
shares AS (
    SELECT linkid, network, sum(lately) AS lately, sum(always) AS always, sum(sum(ever)) OVER (PARTITION BY linkid) AS ever
    FROM (
        SELECT linkid, network, sessions AS lately, 0 AS always, 0 AS ever FROM seen
        UNION ALL
        SELECT linkid, network, eve, always, ever FROM met
    )
    WHERE network IS NOT NULL
    GROUP BY linkid, network
),
maybe_shifting AS (
    SELECT linkid, network
    FROM shares
    WHERE lately >= $shift_share * $shift_sessions - 0.001 AND always <= (1 - $shift_baseline_share) * ever + 0.001
),
-- rat_downgrade: sessions below a level that may be dominant, which is one with 80 % of ten sessions of some baseline.
tops AS (
    SELECT linkid, max(level) AS top
    FROM (
        SELECT linkid, level FROM met
        WHERE level IS NOT NULL
        GROUP BY linkid, level
        HAVING sum(total) >= $rat_dominance * $min_sessions - 0.001
    )
    GROUP BY linkid
),
-- Whether the last session before the window may have been below it too, so that a row of them reaches into the window.
-- When each session of a sum was is not known to the microsecond.
eves AS (
    SELECT m.linkid, bool_or(m.level < t.top) AS is_below
    FROM met AS m
    JOIN tops AS t ON t.linkid = m.linkid
    WHERE m.level IS NOT NULL AND m.sessions > 0
      AND m.last_seen >= (
          SELECT max(e.last_seen) FROM met AS e WHERE e.linkid = m.linkid AND e.level IS NOT NULL AND e.sessions > 0)
          - INTERVAL 1 SECOND
    GROUP BY m.linkid
),
falling AS (
    SELECT s.linkid, any_value(t.top) AS top, coalesce(bool_or(e.is_below), FALSE) AS was_below
    FROM seen AS s
    JOIN tops AS t ON t.linkid = s.linkid
    LEFT JOIN eves AS e ON e.linkid = s.linkid
    WHERE s.level < t.top
    GROUP BY s.linkid
    HAVING sum(s.sessions) >= $rat_run_min OR coalesce(bool_or(e.is_below), FALSE)
),
-- flapping: a change is a session away from where the SIM is mostly, or the first one back; with a null, the first one back
-- by network and the first one back by RAT may be two.
usual AS (
    SELECT linkid, arg_max(network, sessions) AS network, arg_max(level, sessions) AS level
    FROM (SELECT linkid, network, level, sum(sessions) AS sessions FROM seen GROUP BY linkid, network, level)
    WHERE network IS NOT NULL AND level IS NOT NULL
    GROUP BY linkid
),
moving AS (
    SELECT s.linkid
    FROM seen AS s
    LEFT JOIN usual AS u ON u.linkid = s.linkid
    GROUP BY s.linkid
    HAVING sum(s.sessions) >= $flapping_changes
       AND sum(CASE
           WHEN (s.network IS NULL OR s.network IS NOT DISTINCT FROM u.network)
               AND (s.level IS NULL OR s.level IS NOT DISTINCT FROM u.level) THEN 0
           ELSE s.sessions
       END) * CASE WHEN bool_or((s.network IS NULL) <> (s.level IS NULL)) THEN 3 ELSE 2 END >= $flapping_changes
),
found AS (
    SELECT linkid, 'new_network' AS rule FROM new_networks
    UNION ALL BY NAME SELECT linkid, 'country_change' AS rule FROM new_countries
    UNION ALL BY NAME SELECT linkid, 'imei_change' AS rule FROM new_imeis
    UNION ALL BY NAME SELECT linkid, 'shared_imei' AS rule FROM sharing
    UNION ALL BY NAME SELECT linkid, 'network_shift' AS rule, network FROM maybe_shifting
    UNION ALL BY NAME SELECT linkid, 'rat_downgrade' AS rule, top, was_below FROM falling
    UNION ALL BY NAME SELECT linkid, 'flapping' AS rule FROM moving
)
SELECT f.*
FROM found AS f
JOIN known AS k ON k.linkid = f.linkid
WHERE k.set_is_known OR f.rule NOT IN ('new_network', 'country_change')
