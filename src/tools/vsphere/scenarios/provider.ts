// Before any key: a vCenter that is not trusted yet, adding and viewing the provider, and the health check.

import { KmipRefused } from '../../../outside/kmip-client/errors.ts'
import { attempt, type Scenario } from '../scenario.ts'
import { addProvider, checkHealth, healthCheckEveryMs, refreshStatus } from '../sequences.ts'
import type { Site } from '../site.ts'
import { askUntrusted, handshakeUntrusted, untrustedTls } from '../untrusted-client.ts'

/** Recorded bursts of handshakes, with the pause after each burst. */
const bursts = [
  { handshakes: 9, everyMs: 77, thenMs: 6_740 },
  { handshakes: 7, everyMs: 99, thenMs: 21_450 },
  { handshakes: 2, everyMs: 31, thenMs: 0 },
] as const

const healthChecks = 3

/**
 * vCenter must complete the handshake even now, to read the server's certificate, but must not conclude that it is
 * trusted.
 */
async function connectUntrusted(site: Site): Promise<void> {
  const tls = await untrustedTls(site, 'unknown')
  for (const { handshakes, everyMs, thenMs } of bursts) {
    for (let done = 0; done < handshakes; done++) {
      await handshakeUntrusted(site, tls)
      await site.tempo.gap(everyMs)
    }
    await site.tempo.gap(thenMs)
  }
  const answer = await askUntrusted(site, tls)
  const { runLog } = site
  if (answer === undefined)
    runLog.remark('unknown certificate', 'the server answers: vCenter would show it as trusted')
  else if (answer instanceof KmipRefused && answer.reason !== 'AuthenticationNotSuccessful')
    runLog.remark('unknown certificate', `refused with ${answer.reason}, which means something else`)
}

export const providerScenarios: readonly Scenario[] = [
  {
    id: 'a',
    name: 'untrusted',
    title: 'a vCenter that is not trusted yet connects, in bursts',
    run: connectUntrusted,
  },
  {
    id: 'b',
    name: 'add-provider',
    title: 'the provider is added and trusted',
    run: async (site) => void (await attempt(() => addProvider(site))),
  },
  {
    id: 'c',
    name: 'status',
    title: 'an administrator views the status of the provider',
    run: async (site) => void (await attempt(() => refreshStatus(site))),
  },
  {
    id: 'd',
    name: 'health',
    title: 'the health check, every five minutes',
    run: async (site) => {
      for (let check = 0; check < healthChecks; check++) {
        if (check > 0) await site.tempo.idle(healthCheckEveryMs)
        await attempt(() => checkHealth(site))
      }
    },
  },
]
