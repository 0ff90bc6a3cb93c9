// The administrator who must not notice: asks whether the server lives, and blocks a certificate that no client has, each on
// a connection of its own, as the command line does.

import { randomBytes } from 'node:crypto'
import { AdminClient, type AdminTarget } from '../../../src/doors/http/client.ts'
import { repeat, type Latencies } from './victim.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { statusRoutes } from '../../../src/features/status/routes.ts'

export interface AdministratorReport {
  /** GET /health/live. */
  readonly live: Latencies
  /** `client block`. */
  readonly block: Latencies
}

const liveEveryMs = 100
const blockEveryMs = 500

/** Goes on for `durationMs` from now, and for each of the two kinds until it has one answer. */
export async function measureAdministrator(
  target: AdminTarget,
  durationMs: number,
): Promise<AdministratorReport> {
  const client = new AdminClient(target)
  const endMs = performance.now() + durationMs
  const live = async () => void (await client.call(statusRoutes.live))
  const block = async () => {
    await client.call(clientRoutes.blockCertificate, { body: { sha256: randomBytes(32).toString('hex') } })
  }
  const [lives, blocks] = await Promise.all([
    repeat(endMs, liveEveryMs, live),
    repeat(endMs, blockEveryMs, block),
  ])
  return { live: lives, block: blocks }
}
