-- The periods of a day's FOCUS export that lack a charge, by why. Grain: reason. Input: temp table focus_periods.
SELECT reason, count(*)
FROM (
    SELECT
        CASE
            WHEN period_start IS NULL OR period_end IS NULL THEN 'no_period'
            WHEN usage_cost IS NULL AND pricing_status <> 'priced' THEN pricing_status
            WHEN usage_cost IS NULL THEN 'incomplete'
            ELSE 'no_recurring_amount'
        END AS reason
    FROM focus_periods
    WHERE period_start IS NULL OR period_end IS NULL OR usage_cost IS NULL OR recurring_amount IS NULL
)
GROUP BY reason
ORDER BY reason
