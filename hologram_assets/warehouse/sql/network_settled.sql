-- The SIMs that are mostly on the same network in the baseline of every day of the window, so that it need not be looked for
-- day by day: on the days that all baselines share they have more sessions there than on any other one in all of them.
-- Grain: linkid. Inputs: temp tables `before` (network_before.sql), `network_words`. Parameters: $min_sessions, $min_days.
CREATE OR REPLACE TEMP TABLE settled AS
WITH used AS (
    SELECT b.linkid, w.word AS network, sum(b.always) AS always, sum(b.ever) AS ever, bit_or(b.settled) AS days
    FROM before AS b
    LEFT JOIN network_words AS w ON w.name = b.network_name
    GROUP BY b.linkid, w.word
),
first_two AS (
    SELECT
        linkid,
        arg_max(network, always) FILTER (WHERE network IS NOT NULL) AS home,
        max(always) FILTER (WHERE network IS NOT NULL) AS at_home
    FROM used
    GROUP BY linkid
    HAVING sum(always) >= $min_sessions AND bit_count(bit_or(days)) >= $min_days
)
SELECT f.linkid, f.home
FROM first_two AS f
WHERE f.at_home > 0
  AND NOT EXISTS (
      SELECT 1 FROM used AS u WHERE u.linkid = f.linkid AND u.network <> f.home AND u.ever >= f.at_home)
