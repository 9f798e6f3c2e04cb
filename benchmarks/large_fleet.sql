-- One day of a made-up fleet's sessions, for benchmarks.report. Grain: record_id, ordered by session_end.
-- Everything is drawn by hash(), so that the same numbers give the same sessions.
-- Parameters: $org_id, $day, $first (the fleet's first day), $last (the day on which things happen), $sims.
--
-- Four SIMs in ten have about one session a day, one in ten has twelve: 3 on average. Seven in ten stay on one network, two are
-- on another one of their country in 3 % of their sessions, one in half of them; all fall back to 3G in 4 %. On the last day 3
-- SIMs in a thousand are on 2G from the first to the last session, 3 are in a country where they have never been, one is in
-- another device, and one in ten thousand in the device of its neighbour.
WITH sims AS (
    SELECT
        i,
        hash(i, 1) % 10 AS use_class,
        CAST(hash(i, 2) % 3 AS BIGINT) AS home,
        CASE WHEN hash(i, 3) % 10 = 0 THEN 500 WHEN hash(i, 3) % 10 < 3 THEN 30 ELSE 0 END AS away,
        hash(i, 4) % 10000 AS fate,
        CAST($day AS DATE) = CAST($last AS DATE) AS is_last
    FROM range($sims) AS fleet(i)
),
used AS (
    SELECT
        *,
        CASE WHEN use_class < 4 THEN 1 WHEN use_class < 7 THEN 2 WHEN use_class < 9 THEN 4 ELSE 12 END
            + CAST(hash(i, $day, 5) % 3 AS BIGINT) - 1 AS sessions
    FROM sims
),
drawn AS (
    SELECT
        u.*,
        hash(i, $day, n, 6) % 1000 AS place,
        hash(i, $day, n, 7) % 100 AS radio,
        hash(i, $day, n, 8) AS volume,
        CAST($day AS TIMESTAMP) + to_microseconds(CAST(hash(i, $day, n, 9) % 86400000000 AS BIGINT)) AS session_end
    FROM used AS u, unnest(range(u.sessions)) AS s(n)
),
told AS (
    SELECT
        i,
        session_end,
        -- Uneven: most sessions are small, one in a hundred has a hundred times as much.
        CAST(CASE WHEN volume % 100 = 0 THEN volume % 10000000 WHEN volume % 20 = 1 THEN 0 ELSE volume % 100000 END AS BIGINT)
            AS bytes,
        CASE
            WHEN is_last AND fate BETWEEN 60 AND 69 THEN '35938610' || lpad(CAST(i AS VARCHAR), 6, '0') || '1'
            WHEN is_last AND fate = 70 THEN '86815905' || lpad(CAST(i - i % 2 + 1 - i % 2 AS VARCHAR), 6, '0') || '2'
            ELSE '86815905' || lpad(CAST(i AS VARCHAR), 6, '0') || '2'
        END AS imei,
        CASE
            WHEN is_last AND fate < 30 THEN '2G'
            WHEN radio < 4 THEN '3G'
            ELSE 'LTE'
        END AS rat,
        CASE
            WHEN is_last AND fate BETWEEN 30 AND 59 THEN 3
            ELSE home
        END AS land,
        place < away AS is_away
    FROM drawn
),
ordered AS (
    SELECT * FROM told ORDER BY session_end
)
SELECT
    CAST($org_id AS BIGINT) AS org_id,
    CAST($day AS DATE) AS day,
    date_diff('day', CAST($first AS DATE), CAST($day AS DATE)) * 10000000 + row_number() OVER () AS record_id,
    1000000 + i AS linkid,
    session_end - INTERVAL 20 MINUTE AS session_begin,
    session_end,
    bytes,
    imei,
    imei || '01' AS imeisv,
    i % 5000 AS cellid,
    i % 200 AS lac,
    rat AS radio_access_technology,
    ['T-Mobile USA', 'Telefonica Moviles Espana S.A.', 'Telekom Deutschland GmbH', 'Swisscom (Schweiz) AG',
     'AT&T Wireless Inc.', 'Vodafone Espana S.A.U.', 'Vodafone GmbH', 'Sunrise GmbH'][land + 1 + 4 * CAST(is_away AS INTEGER)]
        AS network_name,
    ['United States', 'Spain', 'Germany', 'Switzerland'][land + 1] AS country,
    2000000 + i AS simcardid,
    'Global' AS profile_name,
    i % 3 + 1 AS data_plan_id,
    '{}' AS extra,
    CAST($last AS TIMESTAMP) + INTERVAL 30 HOUR AS fetched_at
FROM ordered
