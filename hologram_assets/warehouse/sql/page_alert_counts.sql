-- Alerts of a day that hold, counted. Grain: org_id, severity, silenced. Parameters: $day.
SELECT org_id, severity, state = 'silenced' AS silenced, count(*)
FROM hologram.alerts
WHERE day = $day AND state IN ('open', 'escalated', 'silenced')
GROUP BY ALL
ORDER BY org_id, severity, silenced
