-- SIMs of a day's report without a cost, by why. Grain: reason. Parameters: $org_id, $day.
SELECT reason, count(*)
FROM (
    SELECT CASE WHEN pricing_status <> 'priced' THEN pricing_status WHEN usage_source = 'incomplete' THEN 'incomplete' END AS reason
    FROM hologram.overage_report
    WHERE org_id = $org_id AND day = $day
)
WHERE reason IS NOT NULL
GROUP BY reason
ORDER BY count(*) DESC, reason
