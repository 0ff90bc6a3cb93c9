// Refuses peers that are not trusted, records them as pending, and enters and logs them. Anybody may connect as often as
// they like, each time with another certificate, so each of these has a bounded rate.

import type { AuthResult } from '../../core/trust/access.ts'
import type { Audit } from '../../core/audit/audit.ts'
import { largest, MinuteQuota } from '../../core/audit/minute-quota.ts'
import { Refusals } from '../../core/audit/refusals.ts'
import type { Pending } from '../../core/trust/pending.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Client } from '../../core/trust/rows.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { RequestMessage, ResponseItem } from '../../wire/kmip/message.ts'
import { certificateBytesMax, refusalEntryEveryMs } from '../../base/bounds.ts'
import { subnetOf } from '../../base/address.ts'
import type { ListenerLog, Peer } from './contract.ts'

/** Items of a refused batch that are answered, all with the same refusal; a refusal is thirty times as long as an item may be. */
const refusedItemsMax = 32

type Refused = AuthResult & { readonly trusted: false }

/** The number of certificates whose last warning is remembered. The oldest are forgotten first. */
const rememberedMax = 10_000
const warnExpiredEveryMs = 3600_000

export class UnauthenticatedPeers {
  readonly #pending: Pending
  readonly #clock: Clock
  readonly #log: ListenerLog
  /** Monotonic milliseconds of the last warning, by certificate. */
  readonly #warned = new Map<string, number>()
  /** The entries about unknown peers (by subnet) and about others (by client), and the bound of the log lines (by subnet). */
  readonly #unknown: Refusals
  readonly #known: Refusals
  readonly #logged: MinuteQuota

  constructor(options: {
    readonly pending: Pending
    readonly audit: Audit
    readonly clock: Clock
    readonly log: ListenerLog
  }) {
    this.#pending = options.pending
    this.#clock = options.clock
    this.#log = options.log
    const { audit, clock, log } = options
    const refusals = (peers: 'unknown' | 'known') =>
      new Refusals({
        audit,
        clock,
        action: 'kmip.refused',
        reason: 'AuthenticationNotSuccessful',
        everyMs: refusalEntryEveryMs,
        groups: peers === 'unknown' ? 'subnets' : 'clients',
        counted: { peers },
        failed: (error) => log.error('enter a refusal in the audit', { error }),
      })
    this.#unknown = refusals('unknown')
    this.#known = refusals('known')
    this.#logged = new MinuteQuota(clock, ({ count, groups }) =>
      this.#log.info('more unknown clients connected', {
        count,
        subnets: groups.length,
        most: largest(groups),
      }),
    )
  }

  /** Enters and logs the refusals that were only counted so far. */
  async close(): Promise<void> {
    this.#logged.flush()
    await Promise.all([this.#unknown.close(), this.#known.close()])
  }

  /** Every item fails, including Discover Versions and Query: otherwise vCenter would turn green untrusted. */
  refuse(request: RequestMessage, peer: Peer, auth: Refused): readonly ResponseItem[] {
    this.recordUnknown(peer, auth)
    this.#enter(peer, auth.client, auth.why)
    return failed(request, this.fault(peer, auth))
  }

  /** A trusted certificate, but a wrong user name or password. */
  refuseItems(request: RequestMessage, peer: Peer, client: Client, fault: Fault): readonly ResponseItem[] {
    this.#enter(peer, client, 'credential')
    return failed(request, fault)
  }

  /** Puts an unknown certificate on the list of pending clients. */
  recordUnknown({ certificate, address }: Peer, { why }: Refused): void {
    if (!certificate || why !== 'unknown') return
    if (certificate.der.length > certificateBytesMax) return
    if (this.#pending.recordUnknown(certificate, address) && this.#logged.take(subnetOf(address)))
      this.#log.info('an unknown client connected; trust it with: mortise client trust --pending SHA256', {
        sha256: certificate.sha256,
        address,
      })
  }

  fault({ certificate }: Peer, { why }: Refused): Fault {
    const sha256 = certificate?.sha256 ?? ''
    const sentences: Record<Refused['why'], string> = {
      'no certificate': 'this server knows its clients by their TLS certificate, and none was sent',
      unknown: `this client is not trusted yet: an administrator can trust the certificate with the SHA-256 ${sha256}`,
      blocked: `the certificate with the SHA-256 ${sha256} is blocked`,
      expired: `the certificate with the SHA-256 ${sha256} has expired: trust its successor`,
      'not yet valid': `the certificate with the SHA-256 ${sha256} is not valid yet: check the clocks`,
    }
    return new Fault('AuthenticationNotSuccessful', sentences[why])
  }

  /** Warns at most once an hour per certificate. */
  warnExpired(sha256: string, auth: AuthResult & { readonly trusted: true }): void {
    const [now, last] = [this.#clock.monotonic(), this.#warned.get(sha256)]
    if (last !== undefined && now - last < warnExpiredEveryMs) return
    this.#warned.delete(sha256)
    this.#warned.set(sha256, now)
    const [oldest] = this.#warned.keys()
    if (this.#warned.size > rememberedMax && oldest !== undefined) this.#warned.delete(oldest)
    this.#log.warn(
      'a client is served although its certificate has expired; trust its successor before the grace ends',
      {
        client: auth.client.name,
        instance: auth.instance.name,
        expiredDays: auth.expiredDays,
        graceDays: auth.client.expiredGraceDays ?? auth.instance.expiredGraceDays,
        sha256,
      },
    )
  }

  /** Enters a refusal, once per minute and certificate (or address, if there is no certificate). */
  #enter({ certificate, address }: Peer, client: Client | null, why: string): void {
    const about = certificate?.sha256 ?? address
    const isUnknown = why === 'unknown' || why === 'no certificate'
    const actor = {
      kind: 'unauthenticated',
      id: client?.id ?? null,
      name: client?.name ?? null,
      certificateSha256: certificate?.sha256 ?? null,
      address,
    } as const
    const refusals = isUnknown ? this.#unknown : this.#known
    refusals.enter({
      about: `${why} ${about}`,
      group: isUnknown ? subnetOf(address) : (client?.id ?? about),
      actor,
      instanceId: client?.instanceId ?? null,
      requestId: null,
      detail: { why },
    })
  }
}

/** The first items alone are answered where there are very many, as if the others were never begun (KMIP 1.4 §6.13, Stop). */
export function failed(request: RequestMessage, { reason, message }: Fault): readonly ResponseItem[] {
  return request.items.slice(0, refusedItemsMax).map(({ operationCode, uniqueBatchItemId }) => ({
    operationCode,
    uniqueBatchItemId,
    status: 'OperationFailed',
    reason,
    message,
  }))
}
