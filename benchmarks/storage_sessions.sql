-- Sessions of a made-up fleet, for benchmarks.storage. Grain: record_id. Everything is drawn by hash(), so that the same
-- numbers give the same sessions. Parameters: $org_id, $first (a day), $days, $sims, $per_sim (sessions a day of each SIM).
--
-- What the sandbox's API gives, and in its proportions: every SIM has its device, card, plan and home networks; of its
-- sessions 5 % are on the second network and 1.5 % on 3G, each in one of three cells; one value in 50 of IMEI, RAT and
-- network is not known, one cell in 20; bytes differ by orders of magnitude; the card's number stands in `extra`.
-- `received_at` is when Hologram has the session: minutes after its end, hours for one in 50. One session in 200 is
-- corrected once, at `corrected_at`.
WITH sims AS (
    SELECT
        i,
        $org_id * 100000 + i AS linkid,
        ['86815905', '86796204', '35938610', '35162411'][1 + i % 4]
            || lpad(CAST(hash(i, 1) % 10000000 AS VARCHAR), 7, '0') AS imei,
        ['00', '03', '12', '07'][1 + i % 4] AS software,
        1000000 + hash(i, 2) % 100000000 AS simcardid,
        '8944' || lpad(CAST(hash(i, 3) % 1000000000000000 AS VARCHAR), 15, '0') AS iccid,
        [73, 81, 90, 112, 204, 205][1 + i % 6] AS data_plan_id,
        ['LTE', 'LTE', 'LTE', 'LTE-M'][1 + i % 4] AS technology,
        1 + 2 * (i % 5) AS home,
        pow(10, 3 + hash(i, 4) % 40 / 10.0) AS daily_bytes
    FROM range($sims) AS fleet(i)
),
drawn AS (
    SELECT
        sims.*,
        CAST($first AS TIMESTAMP) + to_days(d::INTEGER) + to_seconds(hash(i, d, n, 5) % 86400) AS session_end,
        2 + CAST(600 * exp(1.6 * (hash(i, d, n, 6) % 4000 / 1000.0 - 2)) AS BIGINT) AS seconds,
        home + CAST(hash(i, d, n, 7) % 100 < 5 AS BIGINT) AS place,
        hash(i, d, n, 8) AS chance,
        hash(i, d, n, 9) AS volume,
        hash(i, d, n, 10) AS gaps
    FROM sims, range($days) AS days(d), range($per_sim) AS each(n)
),
known AS (
    SELECT *, session_end + to_seconds(CASE WHEN chance % 50 = 0 THEN 3600 + volume % 90000 ELSE 20 + volume % 600 END) AS received_at
    FROM drawn
)
SELECT
    -- Ascending with the moment of receipt, as Hologram's are.
    (epoch(received_at) - 1577836800)::BIGINT * 10000000
        + row_number() OVER (PARTITION BY received_at ORDER BY linkid, session_end, volume) * 100000 + $org_id AS record_id,
    linkid,
    session_end - to_seconds(seconds) AS session_begin,
    session_end,
    CASE WHEN volume % 20 = 1 THEN 0 ELSE CAST(daily_bytes / $per_sim * (volume % 2000 / 1000.0) AS BIGINT) END AS bytes,
    CASE WHEN gaps % 50 > 0 THEN imei || '4' END AS imei,
    CASE WHEN gaps % 50 > 0 THEN imei || software[1:1] || software END AS imeisv,
    CASE WHEN gaps // 50 % 20 > 0 THEN 10000000 + hash(i, place, chance % 3) % 90000000 END::BIGINT AS cellid,
    CASE WHEN gaps // 50 % 20 > 0 THEN 1 + hash(i, place) % 65000 END::BIGINT AS lac,
    CASE WHEN gaps // 1000 % 50 > 0 THEN CASE WHEN chance % 1000 < 15 THEN '3G' ELSE technology END END
        AS radio_access_technology,
    CASE WHEN gaps // 50000 % 50 > 0 THEN
        ['T-Mobile USA, Inc', 'AT&T Wireless Inc.', 'Telefonica Moviles Espana S.A.', 'Vodafone Espana S.A.U.',
         'Telekom Deutschland GmbH', 'Vodafone GmbH', 'Orange S.A.', 'Societe Francaise du Radiotelephone - SFR',
         'Verizon Wireless', 'Cellular One LLC'][place] END AS network_name,
    CASE WHEN gaps // 50000 % 50 > 0 THEN
        ['United States', 'United States', 'Spain', 'Spain', 'Germany', 'Germany', 'France', 'France', 'United States',
         'United States'][place] END AS country,
    simcardid::BIGINT AS simcardid,
    CAST(NULL AS VARCHAR) AS profile_name,
    data_plan_id::BIGINT AS data_plan_id,
    '{"sim":"' || iccid || '"}' AS extra,
    received_at,
    CASE WHEN chance // 1000 % 200 = 0 THEN received_at + to_seconds(600 + chance % 40000) END AS corrected_at
FROM known
ORDER BY record_id
