// The metrics of a running server, and the value of one of them.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { askHttps } from '../clients/https.ts'

/** What `/metrics` says, asked with the first token of the data folder. A server in the test's process has `admin.call(statusRoutes.metrics)`. */
export async function metricsText(server: {
  readonly admin: string
  readonly data: string
}): Promise<string> {
  const token = readFileSync(path.join(server.data, 'admin-token'), 'utf8').trim()
  const ca = readFileSync(path.join(server.data, 'admin-ca.pem'), 'utf8')
  return (await askHttps(server.admin, ca, 'GET', '/metrics', { token })).text
}

/** The value of a series as `/metrics` writes its name, such as `mortise_objects{state="Active"}`; undefined: it is not there. */
export function metricIn(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}
