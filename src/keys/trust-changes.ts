// Changes of trust: instances, clients, certificates, CAs, blocks, tokens. Each is decided on the rows as they are,
// written with their MACs and a new head, and entered in the audit, in one transaction; when another node changed
// trust at the same moment it is decided again.

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { limits } from '../limits.ts'
import type { Access, TrustSnapshot } from './access.ts'
import type { Actor } from './caller.ts'
import type { Keyring } from './keyring.ts'
import { StoreConflict, type AuditEntry, type Clock, type Store, type TrustRow, type Write } from './ports.ts'
import {
  makeHead,
  makeRow,
  type Authority,
  type Block,
  type Client,
  type Instance,
  type Macs,
  type PinnedCertificate,
  type Token,
  type TrustKind,
  type TrustKinds,
} from './trust-rows.ts'

/** A refusal of a change of trust, with what to do about it. Safe to show. */
export class TrustRefused extends Error {
  override readonly name = 'TrustRefused'
  readonly code: 'not-found' | 'exists' | 'overlap' | 'damaged'
  readonly hint: string | undefined
  constructor(code: TrustRefused['code'], message: string, hint?: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

interface Draft {
  readonly put: readonly { readonly kind: TrustKind; readonly value: TrustKinds[TrustKind] }[]
  readonly remove?: readonly { readonly kind: TrustKind; readonly id: string }[]
  readonly writes?: readonly Write[]
  readonly action: string
  readonly object: string
  readonly instanceId: string | null
  readonly detail?: Readonly<Record<string, string | number | boolean>>
}

export class TrustChanges {
  readonly #store: Store
  readonly #macs: Macs
  readonly #clock: Clock
  readonly #access: Access
  readonly #keyring: Keyring
  readonly #filtersOverlap: (a: string, b: string) => boolean

  constructor(options: {
    readonly store: Store
    readonly macs: Macs
    readonly clock: Clock
    readonly access: Access
    readonly keyring: Keyring
    /** Whether some subject fits both patterns. */
    readonly filtersOverlap: (a: string, b: string) => boolean
  }) {
    this.#store = options.store
    this.#macs = options.macs
    this.#clock = options.clock
    this.#access = options.access
    this.#keyring = options.keyring
    this.#filtersOverlap = options.filtersOverlap
  }

  /** A new instance with its first data key. RootKeyError when the root key cannot seal it. */
  async createInstance(
    actor: Actor,
    settings: Pick<Instance, 'name' | 'custody' | 'rootKeyUri'> & Partial<Instance>,
  ): Promise<Instance> {
    const instance: Instance = {
      cacheSeconds: 300,
      outageSeconds: 3600,
      expiredGraceDays: 30,
      ...settings,
      id: randomUUID(),
      createdMs: this.#clock.now(),
    }
    const dataKey = await this.#keyring.make(instance)
    await this.#change(actor, ({ tables }) => {
      if ([...tables.instance.values()].some(({ name }) => name === instance.name))
        throw new TrustRefused('exists', `an instance named ${instance.name} exists already`)
      return {
        put: [{ kind: 'instance', value: instance }],
        writes: [dataKey],
        action: 'instance.create',
        object: instance.id,
        instanceId: instance.id,
        detail: { name: instance.name, rootKey: instance.rootKeyUri, custody: instance.custody },
      }
    })
    return instance
  }

  /**
   * Trusts one certificate as a client of an instance: the client of that name, or a new one. Renewals overlap:
   * a client may have several certificates. TrustRefused 'exists' when the certificate belongs to a client already.
   */
  async trustCertificate(
    actor: Actor,
    wanted: {
      readonly instanceId: string
      readonly name: string
      readonly certificate: { readonly der: Uint8Array; readonly sha256: string }
    },
  ): Promise<{ readonly client: Client; readonly certificate: PinnedCertificate }> {
    const { sha256, der } = wanted.certificate
    let made: { client: Client; certificate: PinnedCertificate } | undefined
    await this.#change(actor, (snapshot) => {
      const { tables } = snapshot
      this.#requireInstance(snapshot, wanted.instanceId)
      const pinned = tables.certificate.get(sha256)
      const unblocked = snapshot.macs.has(`block/${sha256}`) && pinned?.instanceId === wanted.instanceId
      if (pinned && !unblocked)
        throw new TrustRefused(
          'exists',
          belongs(tables.client.get(pinned.clientId), snapshot, wanted.instanceId),
        )
      const client = this.#clientNamed(snapshot, wanted)
      const certificate = {
        id: sha256,
        clientId: client.id,
        instanceId: wanted.instanceId,
        certificate: Buffer.from(der).toString('base64'),
        createdMs: this.#clock.now(),
      }
      made = { client, certificate }
      return {
        put: [
          { kind: 'client', value: client },
          { kind: 'certificate', value: certificate },
        ],
        // To trust a certificate by hand lifts a block of it.
        remove: snapshot.macs.has(`block/${sha256}`) ? [{ kind: 'block', id: sha256 }] : [],
        action: 'client.trust',
        object: client.id,
        instanceId: wanted.instanceId,
        detail: { client: client.name, certificate: sha256 },
      }
    })
    return assigned(made)
  }

  /** Trusts the leaves of a CA whose subject fits. The same CA with an overlapping filter elsewhere is refused. */
  async trustAuthority(
    actor: Actor,
    wanted: {
      readonly instanceId: string
      readonly name: string
      readonly ca: { readonly der: Uint8Array; readonly sha256: string }
      readonly subject: string
    },
  ): Promise<{ readonly client: Client; readonly authority: Authority }> {
    const text = Buffer.from(wanted.ca.der).toString('base64')
    let made: { client: Client; authority: Authority } | undefined
    await this.#change(actor, (snapshot) => {
      const { tables } = snapshot
      this.#requireInstance(snapshot, wanted.instanceId)
      for (const other of tables.authority.values()) {
        if (other.certificate !== text || !this.#filtersOverlap(other.subject, wanted.subject)) continue
        const where = other.instanceId === wanted.instanceId ? 'this instance' : 'another instance'
        throw new TrustRefused(
          'overlap',
          `this CA is trusted in ${where} already, for the subjects ${other.subject}, which overlap ${wanted.subject}`,
          'A certificate can belong to one client of one instance only: choose subjects that do not overlap.',
        )
      }
      const client = this.#clientNamed(snapshot, wanted)
      const authority = {
        id: randomUUID(),
        clientId: client.id,
        instanceId: wanted.instanceId,
        certificate: text,
        subject: wanted.subject,
        createdMs: this.#clock.now(),
      }
      made = { client, authority }
      return {
        put: [
          { kind: 'client', value: client },
          { kind: 'authority', value: authority },
        ],
        action: 'client.trust',
        object: client.id,
        instanceId: wanted.instanceId,
        detail: { client: client.name, ca: wanted.ca.sha256, subject: wanted.subject },
      }
    })
    return assigned(made)
  }

  /** Removes a client (by id, or by name within the instance) with all its certificates and CAs. */
  async removeClient(actor: Actor, instanceId: string, nameOrId: string): Promise<Client> {
    let removed: Client | undefined
    await this.#change(actor, ({ tables }) => {
      const client = [...tables.client.values()].find(
        (candidate) =>
          candidate.instanceId === instanceId && (candidate.id === nameOrId || candidate.name === nameOrId),
      )
      if (!client) throw new TrustRefused('not-found', `there is no client ${nameOrId} in this instance`)
      removed = client
      const ofClient = ({ clientId }: { readonly clientId: string }) => clientId === client.id
      return {
        put: [],
        remove: [
          { kind: 'client', id: client.id },
          ...[...tables.certificate.values()]
            .filter(ofClient)
            .map(({ id }) => ({ kind: 'certificate', id }) as const),
          ...[...tables.authority.values()]
            .filter(ofClient)
            .map(({ id }) => ({ kind: 'authority', id }) as const),
        ],
        action: 'client.remove',
        object: client.id,
        instanceId,
        detail: { client: client.name },
      }
    })
    return assigned(removed)
  }

  /** Refuses one certificate for good, whoever vouches for it. `instanceId`: whose audit it stands in. */
  async block(actor: Actor, sha256: string, reason: string, instanceId: string | null): Promise<Block> {
    const block = { id: sha256, reason, createdMs: this.#clock.now() }
    await this.#change(actor, () => ({
      put: [{ kind: 'block', value: block }],
      action: 'client.block',
      object: sha256,
      instanceId,
      ...(reason && { detail: { reason } }),
    }))
    return block
  }

  /** A new token. The bearer text is in the answer and nowhere else. */
  async createToken(
    actor: Actor,
    wanted: Pick<Token, 'name' | 'role' | 'instanceId' | 'expiresMs'>,
    bearer: string = newBearer(),
  ): Promise<{ readonly token: Token; readonly bearer: string }> {
    const token: Token = {
      ...wanted,
      id: randomUUID(),
      sha256: createHash('sha256').update(bearer).digest('hex'),
      createdMs: this.#clock.now(),
    }
    await this.#change(actor, () => ({
      put: [{ kind: 'token', value: token }],
      action: 'token.create',
      object: token.id,
      instanceId: token.instanceId,
      detail: { name: token.name, role: token.role },
    }))
    return { token, bearer }
  }

  #requireInstance({ tables }: TrustSnapshot, instanceId: string): void {
    if (!tables.instance.has(instanceId))
      throw new TrustRefused('not-found', `there is no instance ${instanceId}`)
  }

  #clientNamed(
    { tables }: TrustSnapshot,
    { instanceId, name }: { readonly instanceId: string; readonly name: string },
  ): Client {
    const existing = [...tables.client.values()].find(
      (client) => client.instanceId === instanceId && client.name === name,
    )
    return (
      existing ?? { id: randomUUID(), instanceId, name, expiredGraceDays: null, createdMs: this.#clock.now() }
    )
  }

  async #change(actor: Actor, draft: (snapshot: TrustSnapshot) => Draft): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const snapshot = await this.#access.snapshot()
      if (!snapshot.intact)
        throw new TrustRefused(
          'damaged',
          'the list of trusted rows in the database was altered: nothing of it can be changed',
          'Restore the database from a backup; what was trusted cannot be told from what somebody put there.',
        )
      const made = draft(snapshot)
      try {
        await this.#store.commit({
          expect: { trustVersion: snapshot.version },
          writes: this.#writes(snapshot, made),
          entries: [this.#entry(actor, made)],
          durability: 'disk',
        })
        return
      } catch (error) {
        if (!(error instanceof StoreConflict) || attempt >= limits.conflictRetriesMax) throw error
      }
    }
  }

  #writes(snapshot: TrustSnapshot, draft: Draft): readonly Write[] {
    const macs = new Map(snapshot.macs)
    const rows: TrustRow[] = draft.put.map(({ kind, value }) => makeRow(this.#macs, kind, value))
    const removals = draft.remove ?? []
    for (const { kind, id } of removals) macs.delete(`${kind}/${id}`)
    for (const row of rows) macs.set(`${row.kind}/${row.id}`, Buffer.from(row.mac).toString('hex'))
    const head = makeHead(this.#macs, snapshot.version + 1, macs)
    return [
      ...rows.map((row): Write => ({ type: 'trust', row })),
      ...removals.map(({ kind, id }): Write => ({ type: 'trust-removed', kind, id })),
      { type: 'trust', row: head },
      ...(draft.writes ?? []),
    ]
  }

  #entry(actor: Actor, draft: Draft): AuditEntry {
    const { action, object, instanceId, detail } = draft
    const result = 'success'
    return {
      atMs: this.#clock.now(),
      action,
      result,
      instanceId,
      object,
      actor,
      reason: null,
      requestId: null,
      detail: detail ?? null,
    }
  }
}

/** The text of a new bearer token. */
export function newBearer(): string {
  return `mortise_${randomBytes(32).toString('base64url')}`
}

/** Says whose the certificate is, without telling one instance of another. */
function belongs(owner: Client | undefined, { tables }: TrustSnapshot, instanceId: string): string {
  if (owner?.instanceId === instanceId) return `this certificate belongs to the client ${owner.name} already`
  const other = owner && tables.instance.get(owner.instanceId)
  return `this certificate belongs to a client of ${other ? 'another instance' : 'no instance'} already; remove it there first`
}

function assigned<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the change did not run')
  return value
}
