-- A line per lead, from all facts of the lead. $1: the leads.
WITH f AS (
  SELECT lead_id, event_id, at, data, substr(type, 13, length(type) - 15) AS kind FROM fact WHERE lead_id = ANY($1::uuid[]))
INSERT INTO board_lead (
  lead_id, person_id, test, form, selection, tier, source, medium, campaign, pool, rep_id, received_at, raised_at, mql_at,
  offered_at, sal_at, sal_implied, contacted_at, contacted_implied, sales_qualified_at, sales_qualified_implied,
  proposed_at, won_at, lost_at, recycled_at, disqualified_at, merged_at, amount, currency, rejected_as, first_at, last_at)
SELECT lead_id,
  coalesce((array_agg(data->>'into' ORDER BY at DESC, event_id DESC) FILTER (WHERE kind = 'person.merged'))[1],
    max(data->>'person_id') FILTER (WHERE kind IN ('lead.opened', 'lead.qualified')))::uuid,
  coalesce(bool_or((data->>'test')::bool) FILTER (WHERE kind IN ('lead.opened', 'lead.qualified')), FALSE),
  coalesce(max(data->>'form') FILTER (WHERE kind IN ('lead.opened', 'lead.qualified')), ''),
  coalesce(max(data->>'selection') FILTER (WHERE kind IN ('lead.opened', 'lead.qualified')), ''),
  coalesce((array_agg(data->>'tier' ORDER BY at DESC, event_id DESC) FILTER (WHERE kind = 'lead.qualified'))[1], ''),
  coalesce((array_agg(data->'origin'->>'source' ORDER BY at DESC, event_id DESC) FILTER (WHERE data ? 'origin'))[1], ''),
  coalesce((array_agg(data->'origin'->>'medium' ORDER BY at DESC, event_id DESC) FILTER (WHERE data ? 'origin'))[1], ''),
  coalesce((array_agg(data->'origin'->>'campaign' ORDER BY at DESC, event_id DESC) FILTER (WHERE data ? 'origin'))[1], ''),
  coalesce((array_agg(data->>'pool' ORDER BY at DESC, event_id DESC) FILTER (WHERE kind = 'assignment.offered'))[1], ''),
  (array_agg(data->>'rep_id' ORDER BY at DESC, event_id DESC) FILTER (WHERE kind = 'assignment.offered'))[1]::uuid,
  min((data->>'received_at')::timestamptz) FILTER (WHERE kind IN ('lead.opened', 'lead.qualified')),
  min(at) FILTER (WHERE kind IN ('lead.opened', 'lead.qualified')),
  min(at) FILTER (WHERE kind = 'lead.qualified'),
  min(at) FILTER (WHERE kind = 'assignment.offered'),
  min(at) FILTER (WHERE kind = 'assignment.accepted'),
  coalesce(bool_and((data->>'implied')::bool) FILTER (WHERE kind = 'assignment.accepted'), FALSE),
  min(at) FILTER (WHERE kind = 'lead.contacted'),
  coalesce(bool_and((data->>'implied')::bool) FILTER (WHERE kind = 'lead.contacted'), FALSE),
  min(at) FILTER (WHERE kind = 'lead.sales_qualified'),
  coalesce(bool_and((data->>'implied')::bool) FILTER (WHERE kind = 'lead.sales_qualified'), FALSE),
  min(at) FILTER (WHERE kind = 'lead.proposed'),
  min(at) FILTER (WHERE kind = 'lead.won'),
  min(at) FILTER (WHERE kind = 'lead.lost'),
  min(at) FILTER (WHERE kind = 'lead.recycled'),
  min(at) FILTER (WHERE kind = 'lead.disqualified'),
  min(at) FILTER (WHERE kind = 'lead.merged'),
  (max(data->>'amount') FILTER (WHERE kind = 'lead.won'))::numeric,
  coalesce(max(data->>'currency') FILTER (WHERE kind = 'lead.won'), ''),
  coalesce(jsonb_agg(DISTINCT data->>'reason') FILTER (
    WHERE kind IN ('assignment.declined', 'lead.lost', 'lead.recycled', 'lead.disqualified')), '[]'),
  min(at), max(at)
FROM f GROUP BY lead_id
ON CONFLICT (lead_id) DO UPDATE SET ({columns}) = ROW({excluded})
