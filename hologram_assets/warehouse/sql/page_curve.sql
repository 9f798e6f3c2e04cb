-- The cost of the running periods at the end of each stored day. Grain: day. Parameters: $org_id, $first, $last.
SELECT day, sims, priced_sims, coalesce(cost_to_date, 0), coalesce(projected_cost, 0)
FROM hologram.fleet_summary
WHERE org_id = $org_id AND day BETWEEN $first AND $last AND scope = 'total'
ORDER BY day
