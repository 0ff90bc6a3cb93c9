// Prints docs/monitoring.md from the metrics that a server registers and docs/mortise-alerts.yml; `npm run docs` writes it.

import { readFileSync } from 'node:fs'
import { format } from 'prettier'
import { load } from '../src/program/features.ts'
import { labels } from '../src/outside/telemetry/labels.ts'
import { metricsIn } from '../src/outside/telemetry/metric-table.ts'
import { createMetrics } from '../src/outside/telemetry/metrics.ts'
import { adminMetrics } from '../src/doors/http/metrics.ts'
import { answererMetrics, listenerCounters, listenerGauges } from '../src/doors/kmip/metrics.ts'

interface Described {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labels: readonly string[]
}

/** Every metric of a server, those of Node.js and the process included. */
export async function describedMetrics(): Promise<readonly Described[]> {
  const metrics = createMetrics()
  for (const { metrics: table } of Object.values(await load('server'))) metricsIn(metrics.registry, table)
  metricsIn(metrics.registry, { ...adminMetrics, ...answererMetrics, ...listenerCounters, ...listenerGauges })
  const types = new Map(
    (await metrics.registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]),
  )
  return metrics.registry.getMetricsAsArray().map((metric) => {
    const { labelNames = [] } = metric as { readonly labelNames?: readonly string[] }
    return { name: metric.name, help: metric.help, type: types.get(metric.name) ?? '', labels: labelNames }
  })
}

export function alertRules(): string {
  return readFileSync(new URL('../docs/mortise-alerts.yml', import.meta.url), 'utf8')
}

function metricLine({ name, type, labels: used, help }: Described): string {
  const shown = used.map((label) => `\`${label}\``).join(', ')
  return `| \`${name}\` | ${type} | ${shown} | ${help.replaceAll('|', '\\|')} |`
}

const traces = `## Traces

\`traces.endpoint\` names a receiver of OpenTelemetry traces (OTLP over HTTP): a collector, Jaeger, Tempo. Each KMIP message is a span, \`KMIP message\`, with one
inside for each operation and each call of a root key; commits and requests of the admin API are spans, too. A span has its result, and never key bytes or the
identifier of an object. With \`traces.identities = true\` it also has the client's address and the SHA-256 of its certificate. \`traces.percent\` traces a part.
Spans that cannot be sent are dropped, and the log says so; no request waits for them.
`

const log = `## Log

The log has one line for each event on standard error: JSON unless standard error is a terminal (\`log.format\`). Every line has \`level\`, \`time\` and \`message\`. \`requestId\` names a request; its audit entry and the
header \`X-Request-Id\` of the admin API have it too. \`condition\` names a [condition](conditions.md) that holds, \`action\` what to do about it; the server repeats it once a day. \`alarm\`
says that a person or another program changed stored data without the server. \`checkpoint\` is a signed checkpoint of the audit log: keep these lines on another
machine, since they prove what the log held then.
`

const health = `# Monitoring

<!-- Printed from src/outside/telemetry/, the metrics of features and doors and docs/mortise-alerts.yml by scripts/print-monitoring.ts. Change them there. -->

## Is it healthy?

\`mortise status\` is the summary for people; \`mortise status --json\` the same for programs. The exit code is 1 when the
server cannot serve, and when it serves no key because no root key that instances with keys have answers and nothing is left in memory, as after a restart
(\`servesKeys\`; \`served\` says it of each instance). \`mortise status --nagios\` is a plugin for Nagios and Icinga. For load balancers and orchestrators, without a token:

- \`GET /health/live\`: the process runs.
- \`GET /health/ready\`: this node can serve. 503 when it cannot; its log says why. Instances whose root key has trouble
  are listed in the body (\`degraded\`, by id; of these, \`unreachable\` ones are served from memory for a bounded time and \`withdrawn\` ones are not served) and
  do not make the node unready: it serves the others. \`newKeysRefused\`, \`readsRefused\` and \`standardKeysLeft\` list instances whose root
  key's service refuses new keys, refuses to return keys, or still has destroyed ones; \`closingsUnrecorded\` lists those with revoked keys that are not recorded as revoked there, \`otherServers\` those that another server uses too (custody
  \`keyprotect\`). \`conditions\` counts the [conditions](conditions.md) that hold, by severity.

To watch the KMIP port itself, connect to it: vCenter too completes a TLS handshake without sending a byte, and Mortise does not count it as a
failure.
`

const places = `## From where you watch

One viewer's token serves all of it: \`mortise token create --role viewer --name monitoring --out monitoring.token\`. Copy \`admin-ca.pem\` from the server's data folder to the machine that watches, or use \`--admin-fingerprint\`.

| what you have | what it asks or gets | more |
| --- | --- | --- |
| Nagios, Icinga, Naemon, Checkmk | \`mortise status --nagios\`: one line, exit code 0 to 3 | below |
| Prometheus, Grafana | \`GET /metrics\`, the dashboard, the rules | [Metrics](#metrics), [Alerts](#alerts) |
| mail, Slack, Teams, PagerDuty, a webhook | Mortise sends by itself, once when a condition begins and once when it ends | [alerts.md](alerts.md) |
| a SIEM, rsyslog | the audit log by syslog over TLS, or as a file | [siem.md](siem.md) |
| OpenTelemetry, Jaeger, Tempo | Mortise sends spans by OTLP over HTTP | [Traces](#traces) |
| journald, a log shipper | the log on standard error, JSON, one line for each event | [Log](#log) |
| a load balancer, Kubernetes | \`GET /health/ready\`, \`GET /health/live\`, without a token | [Is it healthy?](#is-it-healthy) |

Icinga 2, on the machine that watches; other programs of this kind take the same command line:

\`\`\`
object CheckCommand "mortise" {
  command = [ "/usr/bin/mortise", "status", "--nagios", "--admin", "$mortise_admin$",
              "--token-file", "/etc/icinga2/mortise.token", "--admin-ca", "/etc/icinga2/mortise-ca.pem" ]
}
apply Service "mortise" {
  check_command = "mortise"
  vars.mortise_admin = "https://kms.example.com:5697"
  check_interval = 1m
  assign where host.name == "kms.example.com"
}
\`\`\`

Checkmk, a local check on the server itself (\`/usr/lib/check_mk_agent/local/mortise\`), which runs as root and reads the data folder:

\`\`\`sh
#!/bin/sh
line=$(mortise status --nagios --data /var/lib/mortise); code=$?
printf '%s Mortise - %s\\n' "$code" "$line"
\`\`\`

An OpenTelemetry collector on the same machine, with \`traces.endpoint = "http://127.0.0.1:4318/v1/traces"\` in mortise.toml:

\`\`\`yaml
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:4318 } } }
exporters:
  otlp: { endpoint: tempo.example.com:4317 }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp] }
\`\`\`

rsyslog as the receiver of the audit log, with \`siem.syslog = "tls://siem.example.com:6514"\` there: [siem.md](siem.md) has its configuration, that of syslog-ng, and what other receivers need.
`

export async function monitoringPage(): Promise<string> {
  const own = (await describedMetrics()).filter(({ name }) => name.startsWith('mortise_'))
  const rows = own.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(metricLine)
  const meanings = Object.entries(labels).map(([label, meaning]) => `| \`${label}\` | ${meaning} |`)
  const page = `${health}
${places}
## Metrics

\`GET /metrics\` on the admin API, with a viewer's token for all instances. While the database does not answer, it has what is known without it, for tokens that the node knows:

\`\`\`yaml
scrape_configs:
  - job_name: mortise
    scheme: https
    authorization: { credentials_file: /etc/prometheus/mortise-token } # mortise token create --role viewer --name prometheus
    tls_config: { ca_file: /etc/prometheus/mortise-ca.pem } # admin-ca.pem of the data folder
    static_configs:
      - targets: [kms.example.com:5697]
\`\`\`

No label holds a client's name, an identifier, an address or anything else that an unknown peer can choose.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
${rows.join('\n')}

| label | values |
| --- | --- |
${meanings.join('\n')}

Histograms come with \`_bucket\`, \`_sum\` and \`_count\`: compute rates and latencies from them. Their buckets end at 1, 10 and 100 ms, 1 and 10 s, so a
quantile says which of these it lies between. There are also the usual
metrics of the process and of Node.js (\`process_*\`, \`nodejs_*\`); \`nodejs_eventloop_lag_p99_seconds\` is how long work waited
for its turn.

## Dashboard

[mortise-dashboard.json](mortise-dashboard.json) is a dashboard for Grafana: whether all is well, what clients get, keys and root keys, the server
itself. Import it (Dashboards > New > Import), and choose your Prometheus at the top.

## Alerts

These rules are in [mortise-alerts.yml](mortise-alerts.yml). What to do about each is in [operate.md](operate.md#what-each-alarm-means).

\`\`\`yaml
${alertRules().trimEnd()}
\`\`\`

${traces}
${log}`
  return format(page, { parser: 'markdown' })
}
