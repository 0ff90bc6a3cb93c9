// Adoption from an old server in the process of the test, with a clock that only waiting moves.

import type { TestContext } from 'node:test'
import { adopt, type AdoptionProgress, type AdoptionRequest } from '../../../src/features/adopt/adoption.ts'
import type { AdoptionReport } from '../../../src/features/adopt/report.ts'
import { openCoreWithClient } from '../../support/server/core.ts'
import {
  openOldKmipServer,
  type OldHandlers,
  type OldKmipServerOptions,
} from '../../support/old-kmip-server/fake.ts'

/**
 * A core that adopts from an old server with these handlers. `pass`: moves the clock of the adoption, which stands still
 * otherwise.
 */
export async function open(t: TestContext, handlers: OldHandlers, options?: OldKmipServerOptions) {
  const old = await openOldKmipServer(handlers, options)
  t.after(() => old[Symbol.asyncDispose]())
  const { core, instance, identity, perform } = await openCoreWithClient(t)
  const progress: AdoptionProgress[] = []
  let nowMs = 0
  const clock = {
    monotonic: () => nowMs,
    sleep: (ms: number) => {
      nowMs += ms
      return Promise.resolve()
    },
  }
  const isHere = async (id: string) => (await show(id)) !== undefined
  const run = (wanted: Partial<AdoptionRequest> = {}, signal = new AbortController().signal) =>
    adopt(
      { perform, isHere, clock, signal, onProgress: (now) => progress.push(now) },
      {
        servers: [`127.0.0.1:${old.port}`],
        cert: identity.tls.cert,
        key: identity.tls.key,
        trust: { by: 'fingerprint', sha256: old.sha256 },
        dryRun: false,
        verify: false,
        ...wanted,
      },
    )
  const show = async (id: string) => core.keys.show(instance.id, id)
  const digest = (id: string) => perform((work) => work.digest(id))
  return {
    old,
    run,
    show,
    digest,
    progress,
    perform,
    waitedMs: () => nowMs,
    pass: (ms: number) => void (nowMs += ms),
  }
}

export const counts = ({ adopted, updated, unchanged }: AdoptionReport) => [adopted, updated, unchanged]
export const many = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`)
