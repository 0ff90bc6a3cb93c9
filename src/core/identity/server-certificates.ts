// The certificates of the KMIP listener: the active one, the one staged to follow it, the previous one, and the
// request that waits for its certificate. vCenter pins the certificate itself. So a new one is staged first,
// administrators trust it in vCenter, and the server switches to it later, without a restart. All of it is one secret
// of the store, replaced as a whole together with its audit entry: a key and its certificate always belong together,
// and after a crash the next start finds the state before a step or the state after it. Part of the composition root.

import { createPrivateKey, randomBytes } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { Refusal } from '../../base/refusal.ts'
import type { ServerCertificateChanges, ShownCertificates } from './server-certificate-changes.ts'
import { serverActor, type By } from '../audit/actor.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import { StoreConflict } from '../ports/store.ts'
import type { Secrets } from '../sealing/secrets.ts'
import { parseCertificates } from '../pki/certificate.ts'
import { PkiError } from '../pki/error.ts'
import { certificateNames, issueServer, privateKeyPem, serverCommonName } from '../pki/issue.ts'
import { makeRequest } from '../pki/make-request.ts'
import { checkDates, checkServerChain, namesIn } from '../pki/server-chain.ts'
import {
  packCertificates,
  unpackCertificates,
  type Kept,
  type Pair,
  type Staged,
} from './server-certificates-kept.ts'
import { meantPrevious, meantStaged } from './meant-certificate.ts'
import type { ServerIdentity } from './server-identity.ts'
import type { TlsIdentity } from './tls-identity.ts'
import { ticketKeysOf, ticketPeriod } from './ticket-keys.ts'
import type { Log } from '../ports/log.ts'

/** Interval at which the server checks whether to switch its certificate: an administrator may set the clock. */
export const scheduleCheckEveryMs = 60_000

const secretName = 'kmip-certificates'

interface Options {
  readonly secrets: Secrets
  readonly clock: Clock
  readonly log: Log
  readonly identity: ServerIdentity
  /** The names of a certificate that this server makes, besides those of the certificate before. */
  readonly names: () => readonly string[]
}

interface Entry {
  readonly action: AuditEntry['action']
  readonly object: string | null
  readonly detail?: AuditEntry['detail']
}

export class ServerCertificates implements ServerCertificateChanges {
  readonly #options: Options
  #kept: Kept
  #apply: (() => Promise<void>) | undefined
  #timer: Timer | undefined
  #looking: Timer | undefined
  /** Changes run one at a time, because each depends on the result of the previous one. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(options: Options, kept: Kept) {
    this.#options = options
    this.#kept = kept
  }

  /** Switches at once to a certificate whose time came while the server was down. */
  static async open(options: Options): Promise<ServerCertificates> {
    const { secrets, identity } = options
    const bytes = secrets.get(secretName)
    const { server, ticketKeys } = identity
    const first = { active: { ...server, chain: server.certificate.pem }, ticketKeys }
    const kept = bytes ? unpackCertificates(bytes) : { ...first, staged: null, previous: null, request: null }
    const opened = new ServerCertificates(options, kept)
    await opened.#lookAlone()
    return opened
  }

  get active(): Pair {
    return this.#kept.active
  }

  /** The certificate and ticket keys for the KMIP listener. */
  get shown(): TlsIdentity {
    const { active, ticketKeys } = this.#kept
    return {
      serverCertificate: { certificate: active.chain, key: privateKeyPem(active.privateKey) },
      ticketKeys: ticketKeysOf(ticketKeys, ticketPeriod(this.#now())),
    }
  }

  view(): ShownCertificates {
    const { active, staged, previous, request } = this.#kept
    return { active, staged, previous, request }
  }

  /** Calls `apply` after each switch to another certificate, by any node, and each change of ticket keys. Before `start`, a switch is stored but not applied. */
  start(apply: () => Promise<void>): void {
    this.#apply = apply
    this.#arm()
    let period = ticketPeriod(this.#now())
    this.#looking = this.#options.clock.every(scheduleCheckEveryMs, () => {
      this.#alone(async () => {
        const now = ticketPeriod(this.#now())
        if (now !== period) await apply()
        period = now
      }).catch((error: unknown) => this.#options.log.error({ error }, 'look at the server certificate'))
    })
  }

  stop(): void {
    this.#apply = undefined
    this.#timer?.cancel()
    this.#looking?.cancel()
  }

  /** Reads at once what another process of this store has changed. */
  async look(): Promise<void> {
    await this.#alone(async () => undefined)
  }

  /** Resolves once the change in progress is done. */
  async settled(): Promise<void> {
    await this.#last
  }

  // ------------------------------------------------------------ changes; durable on return

  request(by: By, options: Parameters<ServerCertificateChanges['request']>[1]): Promise<void> {
    return this.#alone(async () => {
      const { request, active } = this.#kept
      if (request && !options.replace) {
        if (options.names === undefined) return
        throw new Refusal(
          'conflict',
          'a request waits for its certificate already',
          'Import its certificate, or make a new request in its place: mortise server-cert csr --replace',
        )
      }
      const names = certificateNames(options.names ?? this.#names(active))
      const made = await makeRequest({ commonName: serverCommonName(names), names })
      const privateKey = createPrivateKey(made.privateKey)
      made.privateKey.fill(0)
      const pending = { pem: made.request, privateKey, names, createdMs: this.#now() }
      const detail = { names: names.join(','), replaced: request !== null }
      await this.#keep(by, { ...this.#kept, request: pending }, [
        { action: 'server-cert.request', object: null, detail },
      ])
    })
  }

  import(by: By, options: Parameters<ServerCertificateChanges['import']>[1]): Promise<void> {
    return this.#alone(async () => {
      const { request, staged, active } = this.#kept
      const owners = [request, staged, { ...active, names: namesIn(active.certificate.der) }].filter(
        (owner) => owner !== null,
      )
      const fromMs = Math.max(this.#now(), options.atMs ?? 0)
      const {
        owner: place,
        pem,
        certificate,
        warnings,
      } = checkServerChain(options.certificate, { owners, fromMs })
      const owner = owners[place]
      if (!owner) throw new Error('a certificate of no key')
      if (certificate.sha256 === active.certificate.sha256)
        throw new Refusal('conflict', 'this certificate is the active one already')
      const pair = { certificate, privateKey: owner.privateKey, chain: pem }
      const next = owner === request ? { ...this.#kept, request: null } : this.#kept
      await this.#stage(by, next, { ...pair, origin: 'imported', warnings, names: owner.names }, options)
    })
  }

  renew(by: By, options: Parameters<ServerCertificateChanges['renew']>[1]): Promise<void> {
    return this.#alone(async () => {
      const { authority: ca } = this.#options.identity
      const names = options.names ?? this.#names(this.#kept.active)
      const days = options.days === undefined ? {} : { days: options.days }
      const made = await issueServer({ ca, names, nowMs: this.#now(), ...days })
      const staged = { ...made, chain: made.certificate.pem, origin: 'renewed', warnings: [], names } as const
      await this.#stage(by, this.#kept, staged, options)
    })
  }

  activate(by: By, options: Parameters<ServerCertificateChanges['activate']>[1]): Promise<void> {
    return this.#alone(async () => {
      if (options.which === 'previous')
        return this.#switch(by, this.#kept, meantPrevious(this.#kept, options))
      const staged = meantStaged(this.#kept, options)
      if (options.atMs === undefined) return this.#switch(by, this.#kept, staged)
      if (options.atMs !== null) this.#mustBeAhead(staged, options.atMs)
      const entry: Entry = {
        action: 'server-cert.schedule',
        object: staged.certificate.sha256,
        detail: atDetail(options.atMs),
      }
      await this.#keep(by, { ...this.#kept, staged: { ...staged, atMs: options.atMs } }, [entry])
    })
  }

  discard(by: By, options: Parameters<ServerCertificateChanges['discard']>[1]): Promise<void> {
    return this.#alone(async () => {
      const { certificate } = meantStaged(this.#kept, options)
      const entry: Entry = { action: 'server-cert.discard', object: certificate.sha256 }
      await this.#keep(by, { ...this.#kept, staged: null }, [entry])
    })
  }

  // ------------------------------------------------------------ steps of a change

  async #stage(
    by: By,
    kept: Kept,
    made: Omit<Staged, 'stagedMs' | 'atMs'>,
    { atMs, now }: { readonly atMs?: number | undefined; readonly now: boolean },
  ): Promise<void> {
    mustServe(made)
    if (atMs !== undefined) this.#mustBeAhead(made, atMs)
    if (kept.staged && !kept.staged.privateKey.equals(made.privateKey))
      throw new Refusal(
        'conflict',
        'another certificate is staged, and may be trusted in vCenter already',
        'Switch to it (mortise server-cert activate) or throw it away (mortise server-cert discard) first.',
      )
    const staged = { ...made, stagedMs: this.#now(), atMs: atMs ?? null }
    const { sha256 } = made.certificate
    const detail = {
      origin: made.origin,
      names: namesIn(made.certificate.der).join(','),
      ...atDetail(staged.atMs),
    }
    const entry: Entry = { action: 'server-cert.stage', object: sha256, detail }
    if (now) return this.#switch(by, { ...kept, staged: null }, staged, [entry])
    return this.#keep(by, { ...kept, staged }, [entry])
  }

  /**
   * A switch makes new ticket keys, so no session resumes from the old certificate to the new one. Each client sees the new
   * certificate in its next handshake, and trouble shows at the switch and not an hour later. And if the old key leaked, its
   * holder cannot resume recorded sessions.
   */
  async #switch(by: By, kept: Kept, to: Pair, before: readonly Entry[] = []): Promise<void> {
    checkDates(to.certificate, this.#now())
    const { active } = kept
    const detail = { from: active.certificate.sha256, names: namesIn(to.certificate.der).join(',') }
    const { certificate, privateKey, chain } = to
    const next: Kept = {
      ...kept,
      active: { certificate, privateKey, chain },
      previous: active,
      staged: kept.staged === to ? null : kept.staged,
      ticketKeys: randomBytes(48),
    }
    const entry: Entry = { action: 'server-cert.activate', object: certificate.sha256, detail }
    await this.#keep(by, next, [...before, entry])
    await this.#applied()
  }

  async #applied(): Promise<void> {
    const { certificate } = this.#kept.active
    const { sha256, notAfterMs } = certificate
    const until = new Date(notAfterMs).toISOString()
    this.#options.log.info({ sha256, until }, 'the KMIP listener presents another certificate')
    // From now on this certificate is active, even if a step below fails; the next start presents it at the latest.
    await this.#apply?.().catch((error: unknown) =>
      this.#options.log.error({ error }, 'it could not be put in place'),
    )
  }

  async #keep(by: By, kept: Kept, entries: readonly Entry[]): Promise<void> {
    const { requestId = null, ...actor } = by
    const bytes = packCertificates(kept)
    try {
      await this.#options.secrets.replace(
        secretName,
        bytes,
        entries.map(({ action, object, detail = null }): AuditEntry => {
          const common = { atMs: this.#now(), action, result: 'success', object, detail } as const
          return { ...common, instanceId: null, actor, reason: null, requestId }
        }),
      )
    } finally {
      bytes.fill(0)
    }
    this.#kept = kept
    if (this.#apply) this.#arm()
  }

  /** Timers do not last for months and do not follow a clock that is set. So this checks at least every minute, and at most once a minute. */
  #arm(): void {
    this.#timer?.cancel()
    const { staged } = this.#kept
    if (staged === null || staged.atMs === null) return
    const mostMs = scheduleCheckEveryMs
    const restMs = staged.atMs - this.#now()
    const waitMs = restMs > 0 ? Math.min(restMs, mostMs) : mostMs
    this.#timer = this.#options.clock.after(waitMs, () => {
      void this.#lookAlone().finally(() => {
        if (this.#apply) this.#arm()
      })
    })
  }

  /** Never rejects: a full disk, or a database that is away, must not keep the server from starting. The server tries again. */
  async #lookAlone(): Promise<void> {
    await this.#alone(() => this.#switchIfDue()).catch((error: unknown) =>
      this.#options.log.error({ error }, 'switch to the certificate that is due'),
    )
  }

  async #switchIfDue(): Promise<void> {
    const { staged } = this.#kept
    if (staged === null || staged.atMs === null || staged.atMs > this.#now()) return
    const { sha256 } = staged.certificate
    try {
      await this.#switch(serverActor, this.#kept, staged)
    } catch (error) {
      if (!(error instanceof PkiError)) throw error
      this.#options.log.error({ error, sha256 }, 'switch to the certificate that is due')
      // Another attempt would not help.
      const detail = { ...atDetail(null), why: error.message }
      await this.#keep(serverActor, { ...this.#kept, staged: { ...staged, atMs: null } }, [
        { action: 'server-cert.schedule', object: sha256, detail },
      ])
    }
  }

  /** Reads what another node of this store has changed. */
  async #followOthers(): Promise<void> {
    const stored = await this.#options.secrets.fresh(secretName)
    if (!stored) return
    const known = packCertificates(this.#kept)
    const isKnown = stored.equals(known)
    known.fill(0)
    if (isKnown) return void stored.fill(0)
    const before = this.#kept.active.certificate.sha256
    this.#kept = unpackCertificates(stored)
    if (this.#apply) this.#arm()
    if (this.#kept.active.certificate.sha256 !== before) await this.#applied()
  }

  #mustBeAhead({ certificate }: Pair, atMs: number): void {
    if (atMs <= this.#now())
      throw new Refusal(
        'bad-request',
        'that time is past',
        'To switch at once leave it out: mortise server-cert activate',
      )
    checkDates(certificate, atMs)
  }

  /** A renewal keeps every name that a client may use. */
  #names({ certificate }: Pair): readonly string[] {
    return [...this.#options.names(), ...namesIn(certificate.der)]
  }

  #now(): number {
    return this.#options.clock.now()
  }

  /** If another node makes a change at the same moment, `work` runs again on the result of that change. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const attempt = async (): Promise<T> => {
      await this.#followOthers()
      return work().catch((error: unknown) => {
        if (error instanceof StoreConflict) return attempt()
        throw error
      })
    }
    const result = this.#last.then(attempt)
    this.#last = result.catch(() => undefined)
    return result
  }
}

function atDetail(atMs: number | null): { readonly at: string } {
  return { at: atMs === null ? 'none' : new Date(atMs).toISOString() }
}

/** Finds now what OpenSSL would refuse at the switch, and what the next start could not read. */
function mustServe({ chain, privateKey }: Pick<Pair, 'chain' | 'privateKey'>): void {
  parseCertificates(chain)
  const key = privateKeyPem(privateKey)
  try {
    createSecureContext({ cert: chain, key })
  } catch (cause) {
    throw new PkiError(`The certificate cannot be used for TLS: ${(cause as Error).message}`, { cause })
  } finally {
    key.fill(0)
  }
}
