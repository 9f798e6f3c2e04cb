-- How many SIMs were mostly on each network in the 28 days of a day's baseline. Grain: network (folded).
-- Inputs: daily_link_usage; temp tables `settled` (network_settled.sql), `network_words` (name, word: what it is compared by).
-- Parameters: $org_id, $day, $baseline_days, $lag_days, $min_sessions, $min_days.
-- Python reference: domain.network_sim.SimView.homes. The days that a SIM was seen on are counted as bits.
WITH used AS (
    SELECT
        linkid,
        network_name,
        sum(sessions) AS sessions,
        bit_or(CAST(1 AS BIGINT) << CAST(CAST($day AS DATE) - day AS INTEGER)) AS days
    FROM hologram.daily_link_usage
    WHERE org_id = $org_id
      AND day BETWEEN CAST($day AS DATE) - CAST($lag_days + $baseline_days - 1 AS INTEGER)
          AND CAST($day AS DATE) - CAST($lag_days AS INTEGER)
      AND linkid NOT IN (SELECT linkid FROM settled)
    GROUP BY linkid, network_name
),
named AS (
    SELECT u.linkid, w.word, sum(u.sessions) AS sessions, bit_or(u.days) AS days
    FROM used AS u
    LEFT JOIN network_words AS w ON w.name = u.network_name
    GROUP BY u.linkid, w.word
),
homes AS (
    SELECT arg_min(word, row(-sessions, word)) FILTER (WHERE word IS NOT NULL) AS home
    FROM named
    GROUP BY linkid
    HAVING sum(sessions) >= $min_sessions AND bit_count(bit_or(days)) >= $min_days
    UNION ALL
    SELECT home FROM settled
)
SELECT home, count(*) FROM homes WHERE home IS NOT NULL GROUP BY home
