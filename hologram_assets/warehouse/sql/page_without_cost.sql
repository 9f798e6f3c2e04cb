-- SIMs of a day's report of which something is not in the amounts, by why. Grain: reason. Parameters: $org_id, $day.
-- Usage that is not wholly known has a cost all the same once it is beyond the allowance: at_least.
SELECT reason, count(*), count(*) FILTER (WHERE recurring_amount IS NULL) AS without_fee
FROM (
    SELECT
        recurring_amount,
        CASE
            WHEN overage_cost IS NULL AND pricing_status <> 'priced' THEN pricing_status
            WHEN overage_cost IS NULL THEN 'incomplete'
            WHEN usage_source = 'incomplete' THEN 'at_least'
            WHEN recurring_amount IS NULL THEN 'no_fee'
        END AS reason
    FROM hologram.overage_report
    WHERE org_id = $org_id AND day = $day
)
WHERE reason IS NOT NULL
GROUP BY reason
ORDER BY reason IN ('at_least', 'no_fee'), count(*) DESC, reason
