// Refuses peers that are not trusted, records them as pending, and writes audit entries and log lines about them. A stranger may connect
// again and again, each time with another certificate, so all of these have a bounded rate.

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

/** The items of a refused batch that the server answers. The answer to an item may be thirty times as long as the item. */
const refusedItemsMax = 32

type Refused = AuthResult & { readonly trusted: false }

/** The number of certificates whose last warning the server remembers. It forgets the oldest first. */
const rememberedMax = 10_000
const warnExpiredEveryMs = 3600_000

export class UnauthenticatedPeers {
  readonly #pending: Pending
  readonly #clock: Clock
  readonly #log: ListenerLog
  /** Monotonic milliseconds of the last warning, by certificate. */
  readonly #warned = new Map<string, number>()
  /** Audit entries about unknown peers, counted by subnet. */
  readonly #unknown: Refusals
  /** Audit entries about known peers, counted by client. */
  readonly #known: Refusals
  /** Bounds the log lines about unknown peers, by subnet. */
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

  /** Writes audit entries and log lines for the refusals that were only counted so far. */
  async close(): Promise<void> {
    this.#logged.flush()
    await Promise.all([this.#unknown.close(), this.#known.close()])
  }

  /** Fails every item, also Discover Versions and Query: otherwise vCenter would show the key provider as connected without trust. */
  refuse(request: RequestMessage, peer: Peer, auth: Refused): readonly ResponseItem[] {
    this.recordUnknown(peer, auth)
    this.#enter(peer, auth.client, auth.why)
    return failedItems(request, this.fault(peer, auth))
  }

  /** Refuses a client with a trusted certificate, but a wrong user name or password. */
  refuseItems(request: RequestMessage, peer: Peer, client: Client, fault: Fault): readonly ResponseItem[] {
    this.#enter(peer, client, 'credential')
    return failedItems(request, fault)
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

  /** Warns that a client's certificate has expired, at most once an hour for each certificate. */
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

  /** Writes an audit entry of a refusal, at most once a minute for each certificate, or for each address without one. */
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

/** Fails the items with one refusal. Of very many it answers the first alone, as if the batch had stopped there (KMIP 1.4 §6.13, Stop). */
export function failedItems(request: RequestMessage, { reason, message }: Fault): readonly ResponseItem[] {
  return request.items.slice(0, refusedItemsMax).map(({ operationCode, uniqueBatchItemId }) => ({
    operationCode,
    uniqueBatchItemId,
    status: 'OperationFailed',
    reason,
    message,
  }))
}
