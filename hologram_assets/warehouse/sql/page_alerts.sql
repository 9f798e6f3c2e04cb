-- The alerts that hold at the end of a day, worst first. Grain: alert_id. Parameters: $org_id, $day, $most.
SELECT a.severity, a.rule, coalesce(a.subject, ''), r.device_name, coalesce(a.title, ''), a.state, a.opened_at
FROM hologram.alerts AS a
LEFT JOIN hologram.overage_report AS r ON r.org_id = a.org_id AND r.day = a.day AND r.linkid = a.linkid
WHERE a.org_id = $org_id AND a.day = $day AND a.state IN ('open', 'escalated')
ORDER BY
    list_position(['critical', 'warn', 'info'], a.severity) NULLS LAST,
    a.step DESC NULLS LAST,
    a.event_time DESC NULLS LAST,
    a.alert_id
LIMIT $most
