-- A line per assignment, from all facts of its lead. $1: the leads.
WITH f AS (
  SELECT lead_id, event_id, at, data, substr(type, 13, length(type) - 15) AS kind,
    max(at) FILTER (WHERE type = 'leadhandoff.assignment.withdrawn.v1') OVER (PARTITION BY lead_id, data->>'assignment_id') AS gone_at
  FROM fact WHERE lead_id = ANY($1::uuid[]))
INSERT INTO board_assignment (
  assignment_id, lead_id, rep_id, pool, tier, offered_at, answered_at, ended_as, reason, touched_at,
  acceptance_breached, touch_breached)
SELECT (f.data->>'assignment_id')::uuid, f.lead_id,
  max(f.data->>'rep_id')::uuid,
  coalesce(max(f.data->>'pool') FILTER (WHERE kind = 'assignment.offered'), ''),
  coalesce(max(f.data->>'tier') FILTER (WHERE kind = 'assignment.offered'), ''),
  coalesce(min(f.at) FILTER (WHERE kind = 'assignment.offered'), min(f.at)),
  min(f.at) FILTER (WHERE kind IN ('assignment.accepted', 'assignment.declined')),
  coalesce((array_agg(substr(kind, 12) ORDER BY f.at DESC, f.event_id DESC) FILTER (
    WHERE kind NOT IN ('assignment.offered', 'sla.at_risk', 'sla.breached')))[1], 'open'),
  coalesce((array_agg(f.data->>'reason' ORDER BY f.at DESC, f.event_id DESC) FILTER (
    WHERE kind NOT IN ('assignment.offered', 'sla.at_risk', 'sla.breached')))[1], ''),
  min(c.at) FILTER (WHERE kind = 'assignment.accepted' AND c.rep_id = f.data->>'rep_id' AND c.at >= f.at
    AND (f.gone_at IS NULL OR c.at <= f.gone_at)),
  coalesce(bool_or(f.data->>'sla' = 'acceptance') FILTER (WHERE kind = 'sla.breached'), FALSE),
  coalesce(bool_or(f.data->>'sla' = 'first_touch') FILTER (WHERE kind = 'sla.breached'), FALSE)
FROM f LEFT JOIN (SELECT lead_id, at, data->>'rep_id' AS rep_id FROM f WHERE kind = 'lead.contacted') c ON c.lead_id = f.lead_id
WHERE f.data ? 'assignment_id' GROUP BY 1, 2
ON CONFLICT (assignment_id) DO UPDATE SET answered_at = excluded.answered_at, ended_as = excluded.ended_as,
  reason = excluded.reason, pool = excluded.pool, tier = excluded.tier, offered_at = excluded.offered_at, touched_at = excluded.touched_at,
  acceptance_breached = excluded.acceptance_breached, touch_breached = excluded.touch_breached
