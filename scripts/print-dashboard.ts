// Prints docs/mortise-dashboard.json, a dashboard for Grafana, from the table of its panels; `npm run docs` writes it. What the metrics
// mean is in docs/monitoring.md.

import { format } from 'prettier'

interface Panel {
  readonly title: string
  readonly kind: 'stat' | 'timeseries'
  /** PromQL by legend. */
  readonly queries: Readonly<Record<string, string>>
  /** Grafana's name of it. */
  readonly unit?: 's' | 'percentunit' | 'reqps' | 'bytes' | 'd' | 'short'
  /** The value at which the panel turns to this colour; below it is green, or with `below` above. */
  readonly alarm?: { readonly at: number; readonly colour: 'orange' | 'red'; readonly below?: true }
  /** In columns; a row has 24. */
  readonly width: number
}

/** Chosen at the top of the dashboard; several nodes are usual. */
const node = 'instance=~"$node"'
const perSecond = (metric: string, labels = '') =>
  `rate(${metric}{${labels}${labels && ','}${node}}[$__rate_interval])`
const quantile = (of: number, metric: string, by = 'le', labels = '') =>
  `histogram_quantile(${of}, sum by (${by}) (${perSecond(`${metric}_bucket`, labels)}))`
const operations = 'mortise_kmip_operation_seconds'
const gets = 'operation="Get",result="success"'

const rows: Readonly<Record<string, readonly Panel[]>> = {
  'Is all well?': [
    {
      title: 'Nodes that serve',
      kind: 'stat',
      queries: { serve: `sum(mortise_ready{${node}})` },
      alarm: { at: 1, colour: 'red', below: true },
      width: 4,
    },
    {
      title: 'Critical conditions',
      kind: 'stat',
      queries: {
        critical: `max(sum by (instance) (mortise_conditions{severity="critical",${node}})) or vector(0)`,
      },
      alarm: { at: 1, colour: 'red' },
      width: 4,
    },
    {
      title: 'Warnings',
      kind: 'stat',
      queries: {
        warnings: `max(sum by (instance) (mortise_conditions{severity="warning",${node}})) or vector(0)`,
      },
      alarm: { at: 1, colour: 'orange' },
      width: 4,
    },
    {
      title: 'Keys in no backup',
      kind: 'stat',
      queries: { keys: `max(mortise_keys_at_risk{${node}})` },
      alarm: { at: 1, colour: 'orange' },
      width: 4,
    },
    {
      title: 'Days until a certificate expires',
      kind: 'stat',
      queries: { days: `min(mortise_certificate_days_left{${node}})` },
      unit: 'd',
      alarm: { at: 30, colour: 'orange', below: true },
      width: 4,
    },
    {
      title: 'Alarms of tampering',
      kind: 'stat',
      queries: { alarms: `sum(mortise_tampering_alarms{${node}})` },
      alarm: { at: 1, colour: 'red' },
      width: 4,
    },
  ],
  'What clients get': [
    {
      title: 'Operations that succeed',
      kind: 'timeseries',
      queries: {
        '{{operation}}': `sum by (operation) (${perSecond(`${operations}_count`, 'result="success"')})`,
      },
      unit: 'reqps',
      width: 12,
    },
    {
      title: 'Operations that are refused',
      kind: 'timeseries',
      queries: { '{{result}}': `sum by (result) (${perSecond(`${operations}_count`, 'result!="success"')})` },
      unit: 'reqps',
      width: 12,
    },
    {
      title: 'Time of a Get',
      kind: 'timeseries',
      queries: {
        'half of them': quantile(0.5, operations, 'le', gets),
        '99 of 100': quantile(0.99, operations, 'le', gets),
      },
      unit: 's',
      width: 12,
    },
    {
      title: 'Handshakes',
      kind: 'timeseries',
      queries: {
        '{{result}} {{resumed}}': `sum by (result, resumed) (${perSecond('mortise_kmip_handshakes_total')})`,
      },
      unit: 'reqps',
      width: 6,
    },
    {
      title: 'Open connections',
      kind: 'timeseries',
      queries: { '{{instance}}': `mortise_kmip_connections{${node}}` },
      width: 6,
    },
  ],
  'Keys and root keys': [
    {
      title: 'Keys by state',
      kind: 'timeseries',
      queries: { '{{state}}': `max by (state) (mortise_objects{${node}})` },
      width: 8,
    },
    {
      title: 'Where data keys come from',
      kind: 'timeseries',
      queries: { '{{source}}': `sum by (source) (${perSecond('mortise_data_key_uses_total')})` },
      unit: 'reqps',
      width: 8,
    },
    {
      title: 'Time of calls of root keys, 99 of 100',
      kind: 'timeseries',
      queries: { '{{call}}': quantile(0.99, 'mortise_root_key_seconds', 'le, call') },
      unit: 's',
      width: 8,
    },
  ],
  'The server itself': [
    {
      title: 'Time of a commit, 99 of 100',
      kind: 'timeseries',
      queries: { commit: quantile(0.99, 'mortise_store_commit_seconds') },
      unit: 's',
      width: 6,
    },
    {
      title: 'Work that waits for its turn',
      kind: 'timeseries',
      queries: { '{{instance}}': `nodejs_eventloop_lag_p99_seconds{${node}}` },
      unit: 's',
      width: 6,
    },
    {
      title: 'Processor',
      kind: 'timeseries',
      queries: { '{{instance}}': perSecond('process_cpu_seconds_total') },
      unit: 'percentunit',
      width: 6,
    },
    {
      title: 'Memory',
      kind: 'timeseries',
      queries: { '{{instance}}': `process_resident_memory_bytes{${node}}` },
      unit: 'bytes',
      width: 6,
    },
    {
      title: 'Age of the last backup',
      kind: 'timeseries',
      queries: { age: `time() - (max(mortise_backup_last_success_timestamp_seconds{${node}}) > 0)` },
      unit: 's',
      width: 12,
    },
    {
      title: 'How far the SIEM is behind',
      kind: 'timeseries',
      queries: { '{{target}}': `max by (target) (mortise_siem_lag_seconds{${node}})` },
      unit: 's',
      width: 12,
    },
  ],
}

/** Every PromQL expression of the dashboard, as Grafana sends it. */
export function dashboardQueries(): readonly string[] {
  return Object.values(rows)
    .flat()
    .flatMap(({ queries }) => Object.values(queries))
    .map((query) => query.replaceAll('$node', '.*').replaceAll('$__rate_interval', '5m'))
}

export async function dashboard(): Promise<string> {
  const source = { type: 'prometheus', uid: '${source}' }
  const value = {
    title: 'Mortise',
    uid: 'mortise',
    tags: ['mortise', 'kmip'],
    schemaVersion: 39,
    editable: true,
    time: { from: 'now-6h', to: 'now' },
    refresh: '30s',
    templating: {
      list: [
        { name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        {
          name: 'node',
          label: 'Node',
          type: 'query',
          datasource: source,
          query: { query: 'label_values(mortise_ready, instance)', refId: 'node' },
          multi: true,
          includeAll: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
          refresh: 2,
        },
      ],
    },
    panels: Object.entries(rows).flatMap(([title, panels], row) => [
      {
        id: 100 * (row + 1),
        type: 'row',
        title,
        collapsed: false,
        gridPos: { x: 0, y: 20 * row, w: 24, h: 1 },
        panels: [],
      },
      ...placed(panels, 20 * row + 1).map(({ panel, x, y }, index) => ({
        id: 100 * (row + 1) + index + 1,
        type: panel.kind,
        title: panel.title,
        datasource: source,
        gridPos: { x, y, w: panel.width, h: heightOf(panel) },
        targets: Object.entries(panel.queries).map(([legendFormat, expr], at) => ({
          refId: String.fromCodePoint(65 + at),
          datasource: source,
          expr,
          legendFormat,
        })),
        fieldConfig: {
          defaults: { unit: panel.unit ?? 'short', min: 0, thresholds: thresholdsOf(panel) },
          overrides: [],
        },
      })),
    ]),
  }
  return format(JSON.stringify(value), { parser: 'json' })
}

const heightOf = ({ kind }: Panel): number => (kind === 'stat' ? 4 : 8)

/** Beside one another, and below where the 24 columns are full. */
function placed(panels: readonly Panel[], top: number) {
  let [x, y] = [0, top]
  return panels.map((panel) => {
    if (x + panel.width > 24) [x, y] = [0, y + heightOf(panel)]
    const place = { panel, x, y }
    x += panel.width
    return place
  })
}

function thresholdsOf({ alarm }: Panel) {
  const steps =
    alarm === undefined
      ? [{ color: 'green', value: null }]
      : [
          { color: alarm.below ? alarm.colour : 'green', value: null },
          { color: alarm.below ? 'green' : alarm.colour, value: alarm.at },
        ]
  return { mode: 'absolute', steps }
}
