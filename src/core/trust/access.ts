// Access: which certificate belongs to which client of which instance, at this moment. Every message asks (design: invariant 4).
// One number shows whether trust changed. Only then does this file read the rows and check their MACs again.
//
// This file decides and changes nothing. client-changes.ts and its neighbours change trust. `Certificates` reads certificates.
// The caller passes it in, since core/trust/ knows no X.509.

import { allowOf } from './allow.ts'
import { createHash, timingSafeEqual } from 'node:crypto'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import type { Actor } from '../ports/audit.ts'
import type { Caller } from './caller.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store, Write } from '../ports/store.ts'
import { closingOf } from './closings.ts'
import { rowWrites, type RowChange } from './row-writes.ts'
import {
  readRows,
  trustedClient,
  type Authority,
  type Client,
  type Instance,
  type Macs,
  type Token,
  type TrustedClient,
  type TrustSnapshot,
} from './rows.ts'
import { parsedAuthorities, vouching, type LeafRules, type ParsedAuthority } from './vouching.ts'

interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** Functions on certificates, from DER to facts. */
export interface Certificates extends LeafRules {
  readonly validity: (der: Uint8Array) => Validity
  /** The same leaf with its other valid signature, which is easily computed. Undefined: there is none. */
  readonly twinOf: (leaf: Uint8Array, ca: Uint8Array) => Uint8Array | undefined
}

interface Vouched {
  readonly by: readonly ParsedAuthority[]
  /** The SHA-256 of the leaf's twin, in lower-case hex. */
  readonly twin: string | undefined
}

/** A peer that connects to the mTLS listener. */
export interface ConnectingPeer {
  readonly certificate: { readonly der: Uint8Array; readonly sha256: string } | null
  readonly address: string
}

export type AuthResult =
  | {
      readonly trusted: true
      readonly instance: Instance
      readonly client: Client
      readonly trustVersion: number
      /** Whether a row names the certificate itself. If not, a CA vouches for it. */
      readonly pinned: boolean
      /** Days since the certificate expired, if it is still served in grace. Null if it has not expired. */
      readonly expiredDays: number | null
    }
  | {
      readonly trusted: false
      readonly why: AccessRefusal
      readonly client: Client | null
      readonly trustVersion: number
    }

export type AccessRefusal = 'no certificate' | 'unknown' | 'blocked' | 'expired' | 'not yet valid'

const dayMs = 24 * 3600 * 1000
/** The most entries in each of two caches: validity dates, and the CAs that vouch for a leaf. */
const certificatesKeptMax = 20_000

export class Access {
  readonly #store: Store
  readonly #macs: Macs
  readonly #clock: Clock
  readonly #certificates: Certificates
  readonly #alarm: (message: string) => void
  readonly #seenWhole: (version: number) => void
  readonly #closed: (instanceId: string) => void
  #snapshot: TrustSnapshot | undefined
  /** The highest version so far. A lower one means that the database was set back while this node ran. */
  #highestVersion = 0
  #signatures = new Map<string, Vouched>()
  #authorities: readonly ParsedAuthority[] = []
  readonly #raised = new Set<string>()
  /** By fingerprint for a leaf, by text for a CA, so that a certificate is parsed only once for many connections. */
  readonly #validities = new Map<string, Validity>()

  constructor(options: {
    readonly store: Store
    readonly macs: Macs
    readonly clock: Clock
    readonly certificates: Certificates
    /** Called once for each alteration that the server did not make. */
    readonly alarm: (message: string) => void
    /** The version that the audit log signed. A lower one means that old rows were restored. */
    readonly versionAtLeast?: number
    /** Called with each trust version whose rows passed their MAC check. */
    readonly seenWhole?: (version: number) => void
    /** Called with the id of each instance that is closed, when rows were read in which it newly is. */
    readonly closed?: (instanceId: string) => void
  }) {
    this.#store = options.store
    this.#macs = options.macs
    this.#clock = options.clock
    this.#certificates = options.certificates
    this.#alarm = options.alarm
    this.#highestVersion = options.versionAtLeast ?? 0
    this.#seenWhole = options.seenWhole ?? (() => {})
    this.#closed = options.closed ?? (() => {})
  }

  /** Decides by the current trust rows who the peer is. */
  identify(peer: ConnectingPeer): MaybePromise<AuthResult> {
    return andThen(this.snapshot(), (snapshot) => this.#judge(peer, snapshot))
  }

  #judge(peer: ConnectingPeer, snapshot: TrustSnapshot): AuthResult {
    const trustVersion = snapshot.version
    const { certificate } = peer
    if (!certificate) return { trusted: false, why: 'no certificate', client: null, trustVersion }
    const { tables } = snapshot
    const blocked = { trusted: false, why: 'blocked', client: null, trustVersion } as const
    const isBlocked = (sha256: string) => tables.block.has(sha256) || snapshot.withheld.has(sha256)
    if (isBlocked(certificate.sha256)) return blocked
    const pin = tables.certificate.get(certificate.sha256)
    const vouched = pin ? undefined : this.#vouched(certificate)
    // The twin of a blocked or pinned certificate must not get in by a CA.
    if (vouched?.twin !== undefined && (isBlocked(vouched.twin) || tables.certificate.has(vouched.twin)))
      return blocked
    const grant = pin ?? this.#inDate(vouched?.by ?? [])
    const client = grant && tables.client.get(grant.clientId)
    const instance = client && tables.instance.get(client.instanceId)
    if (!client || !instance) return { trusted: false, why: 'unknown', client: null, trustVersion }
    const { notBeforeMs, notAfterMs } = this.#validity(certificate.sha256, certificate.der)
    const now = this.#clock.now()
    if (!hasBegun(notBeforeMs, now)) return { trusted: false, why: 'not yet valid', client, trustVersion }
    const graceDays = pin ? (client.expiredGraceDays ?? instance.expiredGraceDays) : 0
    if (now > notAfterMs + graceDays * dayMs) return { trusted: false, why: 'expired', client, trustVersion }
    const expiredDays = now > notAfterMs ? Math.floor((now - notAfterMs) / dayMs) : null
    return { trusted: true, instance, client, trustVersion, pinned: pin !== undefined, expiredDays }
  }

  /** The caller for a trusted peer. */
  callerOf(result: AuthResult & { readonly trusted: true }, peer: ConnectingPeer, requestId: string): Caller {
    const actor: Actor = {
      kind: 'client',
      id: result.client.id,
      name: result.client.name,
      certificateSha256: peer.certificate?.sha256 ?? null,
      address: peer.address,
    }
    const { instance, client, trustVersion } = result
    const caller = { instanceId: instance.id, actor, allow: allowOf(client), trustVersion, requestId }
    return closingOf(instance) ? { ...caller, isClosed: true } : caller
  }

  /** The token with this bearer text. Undefined if there is none or it has expired. */
  async token(bearer: string): Promise<(Token & { readonly trustVersion: number }) | undefined> {
    return this.#tokenIn(await this.snapshot(), bearer)
  }

  /** The token by the rows that were last read, for answers that need no store. */
  tokenAsRead(bearer: string): (Token & { readonly trustVersion: number }) | undefined {
    return this.#snapshot && this.#tokenIn(this.#snapshot, bearer)
  }

  #tokenIn(snapshot: TrustSnapshot, bearer: string) {
    const sha256 = createHash('sha256').update(bearer).digest()
    for (const token of snapshot.tables.token.values()) {
      if (!timingSafeEqual(Buffer.from(token.sha256, 'hex'), sha256)) continue
      if (this.#isExpired(token)) return undefined
      return { ...token, trustVersion: snapshot.version }
    }
    return undefined
  }

  /** The token with which a session began, while the token is valid. */
  async tokenOf(session: {
    readonly tokenId: string | null
    readonly tokenSha256: string | null
  }): Promise<(Token & { readonly trustVersion: number }) | undefined> {
    const snapshot = await this.snapshot()
    const token = snapshot.tables.token.get(session.tokenId ?? '')
    if (!token || token.sha256 !== session.tokenSha256 || this.#isExpired(token)) return undefined
    return { ...token, trustVersion: snapshot.version }
  }

  #isExpired({ expiresMs }: Token): boolean {
    return expiresMs !== null && expiresMs <= this.#clock.now()
  }

  /**
   * The instance with that id or name, or undefined. Uses the rows of `version` if they are in memory, or else the current rows.
   */
  instance(nameOrId: string, version?: number): MaybePromise<Instance | undefined> {
    const atHand = this.#snapshot
    const snapshot = atHand && atHand.version === version ? atHand : this.snapshot()
    return andThen(snapshot, ({ tables: { instance } }) => {
      return instance.get(nameOrId) ?? [...instance.values()].find(({ name }) => name === nameOrId)
    })
  }

  async instances(): Promise<readonly Instance[]> {
    return [...(await this.snapshot()).tables.instance.values()]
  }

  /** The clients of an instance, each with its certificates and CAs. */
  async clients(instanceId: string): Promise<readonly TrustedClient[]> {
    const { tables } = await this.snapshot()
    return [...tables.client.values()]
      .filter((client) => client.instanceId === instanceId)
      .map((client) => trustedClient(tables, client))
  }

  /** The current trust rows, only the genuine ones. */
  snapshot(): MaybePromise<TrustSnapshot> {
    const highestBefore = this.#highestVersion
    return andThen(this.#store.trustVersion(), (version) =>
      this.#snapshot?.version === version ? this.#snapshot : this.#read(highestBefore),
    )
  }

  async #read(highestBefore: number): Promise<TrustSnapshot> {
    const read = await this.#store.trust()
    if (read.version < highestBefore) return (this.#snapshot = this.#setBack(read.version))
    const snapshot = { version: read.version, ...readRows(this.#macs, read.version, read.rows) }
    // A newer read was faster. These rows were current when the caller asked.
    if (read.version < this.#highestVersion) return snapshot
    this.#highestVersion = read.version
    if (snapshot.intact) this.#seenWhole(read.version)
    for (const known of this.#raised) if (!snapshot.alarms.includes(known)) this.#raised.delete(known)
    for (const alarm of snapshot.alarms) this.#raise(alarm)
    for (const instance of snapshot.tables.instance.values()) {
      const before = this.#snapshot?.tables.instance.get(instance.id)
      if (closingOf(instance) && !(before && closingOf(before))) this.#closed(instance.id)
    }
    this.#signatures = new Map()
    this.#authorities = parsedAuthorities(snapshot.tables.authority.values())
    this.#snapshot = snapshot
    return snapshot
  }

  /** The writes of a change of rows. The commit must expect the version of the snapshot. */
  writes(snapshot: TrustSnapshot, change: RowChange): readonly Write[] {
    return rowWrites(this.#macs, snapshot, change)
  }

  /**
   * Reads and checks all rows again even if their version is the same, since an attacker who can write to the database can change
   * a row and leave the version unchanged.
   */
  async check(): Promise<TrustSnapshot> {
    this.#snapshot = undefined
    return this.snapshot()
  }

  /** The snapshot of rows that were set back: no row counts, and no row may be changed. */
  #setBack(version: number): TrustSnapshot {
    const alarm =
      'the trusted rows in the database were set back to an older state: no client, token or instance counts'
    this.#raise(alarm)
    return { version, ...readRows(this.#macs, version, []), alarms: [alarm], intact: false }
  }

  /** `name` must identify exactly these bytes. */
  #validity(name: string, der: Uint8Array): Validity {
    const known = this.#validities.get(name)
    if (known) return known
    const validity = this.#certificates.validity(der)
    if (this.#validities.size >= certificatesKeptMax) this.#validities.clear()
    this.#validities.set(name, validity)
    return validity
  }

  #raise(message: string): void {
    if (this.#raised.has(message)) return
    this.#raised.add(message)
    this.#alarm(message)
  }

  #vouched(certificate: { readonly der: Uint8Array; readonly sha256: string }): Vouched {
    const known = this.#signatures.get(certificate.sha256)
    if (known) return known
    const { der } = certificate
    const by = vouching(this.#authorities, der, this.#certificates)
    const [first] = by
    const twin = first && this.#certificates.twinOf(der, first.der)
    const vouchers = { by, twin: twin && createHash('sha256').update(twin).digest('hex') }
    if (this.#signatures.size >= certificatesKeptMax) this.#signatures.clear()
    this.#signatures.set(certificate.sha256, vouchers)
    return vouchers
  }

  /** The first CA that is in date now. `#signatures` may list a CA twice if it was renewed with the same key. */
  #inDate(authorities: readonly ParsedAuthority[]): Authority | undefined {
    const now = this.#clock.now()
    return authorities.find(({ authority, der }) => {
      const { notBeforeMs, notAfterMs } = this.#validity(authority.certificate, der)
      return hasBegun(notBeforeMs, now) && now <= notAfterMs
    })?.authority
  }
}

/** Allows a day before the beginning, so that a wrong clock does not refuse a certificate that vCenter created a minute ago. */
export function hasBegun(notBeforeMs: number, nowMs: number): boolean {
  return nowMs >= notBeforeMs - dayMs
}
