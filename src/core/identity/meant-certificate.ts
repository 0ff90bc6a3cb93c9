// The certificate that the caller of a switch or a discard means. The caller has seen one certificate, and another administrator
// may have staged or switched to another one since.

import { Refusal } from '../../base/refusal.ts'
import type { Kept, Pair, Staged } from './server-certificates-kept.ts'

interface Meant {
  readonly sha256?: string | undefined
}

/** Throws Refusal, as the next one. */
export function meantStaged({ staged }: Kept, meant: Meant): Staged {
  if (!staged)
    throw new Refusal(
      'not-found',
      'no certificate is staged',
      'Make one: mortise server-cert renew; or bring one: mortise server-cert csr, then import',
    )
  mustBeMeant('staged', staged, meant)
  return staged
}

export function meantPrevious({ previous }: Kept, meant: Meant): Pair {
  if (!previous) throw new Refusal('not-found', 'no other certificate was active before this one')
  mustBeMeant('previous', previous, meant)
  return previous
}

function mustBeMeant(which: string, { certificate }: Pair, { sha256 }: Meant): void {
  if (sha256 === undefined || sha256 === certificate.sha256) return
  throw new Refusal(
    'conflict',
    `the ${which} certificate is another one by now: nothing was done`,
    'Another administrator changed it. Look again: mortise server-cert show',
  )
}
