// The alert rules of docs/mortise-alerts.yml in Prometheus' own checker: each fires on what it is for, and none where all is well.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { dashboardQueries } from '../../../scripts/print-dashboard.ts'

const rules = path.resolve(import.meta.dirname, '../../../docs/mortise-alerts.yml')
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-rules-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** The value of a series each minute for two days, in promtool's notation. */
const stays = (value: number) => `${value}x2880`
const rises = (by: number) => `0+${by}x2880`

/** What makes each alert fire: series and values. */
const firing: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  MortiseDown: { 'up{job="mortise"}': stays(0) },
  MortiseNotReady: { mortise_ready: stays(0) },
  MortiseNoKeyHandedOut: { 'mortise_conditions{id="no-key-handed-out",severity="critical"}': stays(1) },
  MortiseChangesRefused: { mortise_store_writable: stays(0) },
  MortiseTampering: { mortise_tampering_alarms: stays(1) },
  MortiseRootKeyWithdrawn: { 'mortise_root_keys{condition="withdrawn"}': stays(1) },
  MortiseRootKeyTrouble: { 'mortise_root_keys{condition="unreachable"}': stays(1) },
  MortiseKeysClosed: { mortise_closed_keys: stays(1) },
  MortiseNewKeysRefused: { mortise_new_keys_refused: stays(1) },
  MortiseReadsRefused: { mortise_reads_refused: stays(1) },
  MortiseRootKeySlow: { 'mortise_root_key_calls_waiting{lane="reads"}': stays(2) },
  MortiseStandardKeysLeft: { mortise_standard_keys_left: stays(1) },
  MortiseClosingsUnrecorded: { mortise_closings_unrecorded: stays(1) },
  MortiseOtherServer: { mortise_other_servers: stays(1) },
  MortiseUpstreamNotAnswering: { mortise_upstreams_failing: stays(1) },
  MortiseUpstreamOff: { mortise_upstreams_off: stays(1) },
  MortiseServingFromMemory: { 'mortise_data_key_uses_total{source="outage"}': rises(60) },
  MortiseCertificateExpiresSoon: { 'mortise_certificates_expiring{kind="client"}': stays(1) },
  MortiseCertificateExpiresThisWeek: { 'mortise_certificate_days_left{kind="server"}': stays(6) },
  MortiseInstanceNearLimit: { mortise_instances_near_limit: stays(1) },
  MortisePendingClient: { mortise_pending_clients: stays(1) },
  MortiseClientsRefused: {
    'mortise_kmip_operation_seconds_count{result="AuthenticationNotSuccessful"}': rises(5),
  },
  MortiseErrors: { 'mortise_kmip_operation_seconds_count{result="GeneralFailure"}': rises(5) },
  MortiseSlow: {
    'mortise_kmip_operation_seconds_bucket{operation="Get",result="success",le="0.1"}': rises(0),
    'mortise_kmip_operation_seconds_bucket{operation="Get",result="success",le="10"}': rises(60),
    'mortise_kmip_operation_seconds_bucket{operation="Get",result="success",le="+Inf"}': rises(60),
  },
  MortiseHandshakesFail: {
    'mortise_kmip_handshakes_total{result="failed"}': rises(60),
    'mortise_kmip_handshakes_total{result="ok"}': rises(1),
  },
  MortiseEventLoopDelay: { nodejs_eventloop_lag_p99_seconds: stays(1) },
  MortiseBackupFailed: { mortise_backup_failed: stays(1) },
  MortiseBackupOld: { 'mortise_conditions{id="backup-too-old",severity="critical"}': stays(1) },
  MortiseSiemBehind: { 'mortise_siem_lag_seconds{target="syslog"}': stays(301) },
  MortiseConditionCritical: { 'mortise_conditions{id="x",severity="critical"}': stays(1) },
  MortiseConditionWarning: { 'mortise_conditions{id="x",severity="warning"}': stays(1) },
  MortiseConditionNotice: { 'mortise_conditions{id="x",severity="notice"}': stays(1) },
}

/** A server on which all is well. */
const quiet: Readonly<Record<string, string>> = {
  'up{job="mortise"}': stays(1),
  mortise_ready: stays(1),
  mortise_store_writable: stays(1),
  mortise_tampering_alarms: stays(0),
  'mortise_root_keys{condition="ok"}': stays(1),
  'mortise_root_keys{condition="withdrawn"}': stays(0),
  'mortise_data_key_uses_total{source="cache"}': rises(60),
  'mortise_certificate_days_left{kind="server"}': stays(300),
  'mortise_kmip_operation_seconds_count{result="success"}': rises(60),
  'mortise_kmip_handshakes_total{result="ok"}': rises(60),
  nodejs_eventloop_lag_p99_seconds: stays(0.01),
  // Another node makes the backups, or nobody wants any.
  mortise_backup_last_success_timestamp_seconds: stays(0),
  'mortise_siem_lag_seconds{target="syslog"}': stays(0),
  'mortise_conditions{id="x",severity="critical"}': stays(0),
}

const alerts = [...readFileSync(rules, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)
/** Alerts that wait for a day. */
const slow: ReadonlySet<string> = new Set(['MortiseConditionNotice'])

function promtool(...words: string[]) {
  const { status, stdout, stderr } = spawnSync('promtool', words, { encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

/** Whether the alert fires on these series after some hours, as a case of promtool. */
function expectation(alert: string, series: Readonly<Record<string, string>>, fires: boolean) {
  const expr = `count(ALERTS{alertname="${alert}", alertstate="firing"})`
  return {
    name: `${alert} ${fires ? 'fires' : 'is quiet'}`,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr,
        eval_time: slow.has(alert) ? '27h' : '2h',
        exp_samples: fires ? [{ labels: '{}', value: 1 }] : [],
      },
    ],
  }
}

test("Prometheus accepts every query of Grafana's dashboard", () => {
  const file = path.join(folder, 'dashboard.yml')
  const recorded = dashboardQueries().map((expr, index) => ({ record: `query_${index}`, expr }))
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: recorded }] }))
  const { status, said } = promtool('check', 'rules', file)
  assert.equal(status, 0, said)
})

test('Prometheus accepts the rules', () => {
  const { status, said } = promtool('check', 'rules', rules)
  assert.equal(status, 0, said)
  assert.match(said, new RegExp(`${alerts.length} rules found`))
})

test('each alert has a case here', () => {
  assert.deepEqual(Object.keys(firing).toSorted(), alerts.toSorted())
})

test('each alert fires on what it is for, and not where all is well', () => {
  const tests = [
    ...Object.entries(firing).flatMap(([alert, series]) => [
      expectation(alert, series, true),
      expectation(alert, quiet, false),
    ]),
    // A counter that never counted has no series.
    expectation(
      'MortiseHandshakesFail',
      { 'mortise_kmip_handshakes_total{result="failed"}': rises(60) },
      true,
    ),
  ]
  const file = path.join(folder, 'tests.yml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '5m', tests }))
  const { status, said } = promtool('test', 'rules', file)
  assert.equal(status, 0, said)
})
