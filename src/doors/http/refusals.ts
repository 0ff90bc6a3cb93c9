// Enters in the audit who asked the admin API for what they may not have: with a token that does not hold, or gives too little, or for
// an instance that is not there for them. A request without a token, and one with a session that is over, try nothing.

import { Refusals } from '../../core/audit/refusals.ts'
import { auditTextCharactersMax } from '../../base/bounds.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ApiRequester } from './route-request.ts'
import { TrustForbidden } from '../../core/trust/writer.ts'
import { Refusal } from '../../base/refusal.ts'

/** Within this time, the same request that the same party may not make gets one audit entry. */
export const adminRefusalEntryEveryMs = 3600_000

/** The party that is refused, where no asker comes of it. */
type Party = Pick<ApiRequester, 'actor' | 'instanceId'>

/** A refusal that says whom it concerns, although there is no asker. */
export class Denied extends Refusal {
  readonly party: Party
  constructor(party: Party, { code, message, hint }: Refusal) {
    super(code, message, hint)
    this.party = party
  }
}

export interface AdminRefusalsOptions {
  readonly audit: Audit
  readonly clock: Clock
  /** Strangers are bounded per subnet: an IPv4 address, or the /64 of an IPv6 address. */
  readonly subnetOf: (address: string) => string
  readonly failed: (error: unknown) => void
}

export class AdminRefusals {
  readonly #subnetOf: (address: string) => string
  readonly #strangers: Refusals
  readonly #known: Refusals

  constructor({ audit, clock, subnetOf, failed }: AdminRefusalsOptions) {
    const common = {
      audit,
      clock,
      action: 'admin.refused',
      everyMs: adminRefusalEntryEveryMs,
      failed,
    } as const
    this.#subnetOf = subnetOf
    this.#strangers = new Refusals({
      ...common,
      reason: 'AuthenticationNotSuccessful',
      groups: 'subnets',
      counted: { askers: 'unknown' },
    })
    this.#known = new Refusals({
      ...common,
      reason: 'PermissionDenied',
      groups: 'parties',
      counted: { askers: 'known' },
    })
  }

  /** Passes over refusals of the writer of trust, which has entered them. */
  note(
    error: unknown,
    about: { readonly route: string; readonly requestId: string; readonly asker: ApiRequester | undefined },
  ): void {
    const { route, requestId } = about
    if (!(error instanceof Refusal) || error instanceof TrustForbidden) return
    const party = error instanceof Denied ? error.party : error.code === 'forbidden' ? about.asker : undefined
    if (!party) return
    const { actor, instanceId } = party
    const isKnown = actor.kind !== 'unauthenticated'
    const refusals = isKnown ? this.#known : this.#strangers
    refusals.enter({
      about: JSON.stringify([actor.id ?? actor.address, route, error.code]),
      group: isKnown ? (actor.id ?? '') : this.#subnetOf(actor.address ?? 'gone'),
      actor,
      // The log of an instance must not tell its readers that another one is there.
      instanceId: error.code === 'not-found' ? null : instanceId,
      requestId,
      detail: { route, why: error.message.slice(0, auditTextCharactersMax) },
    })
  }

  /** Enters what was only counted so far. */
  async close(): Promise<void> {
    await Promise.all([this.#strangers.close(), this.#known.close()])
  }
}
