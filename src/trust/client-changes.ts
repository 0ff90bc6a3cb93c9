// Clients: which certificates and CAs are trusted as whom, what is blocked, and a client's settings.

import { randomUUID } from 'node:crypto'
import type { TrustSnapshot } from './access.ts'
import type { By } from '../audit/actor.ts'
import type { Authority, Block, Client, PinnedCertificate } from './rows.ts'
import { requireInstance, TrustRefused, type TrustWriter } from './writer.ts'

export type ClientSettings = Pick<Client, 'name' | 'expiredGraceDays' | 'credential'>

/** What must be known of CAs and filters; handed in, since keys/ knows no X.509. */
export interface AuthorityRules {
  /** Whether some subject fits both patterns. */
  readonly filtersOverlap: (a: string, b: string) => boolean
  /** Whether two certificates (DER) are of one CA, renewed perhaps. */
  readonly sameAuthority: (a: Uint8Array, b: Uint8Array) => boolean
}

export class ClientChanges {
  readonly #writer: TrustWriter
  readonly #rules: AuthorityRules

  constructor(writer: TrustWriter, rules: AuthorityRules) {
    this.#writer = writer
    this.#rules = rules
  }

  /**
   * Trusts one certificate as a client of an instance: the client of that name, or a new one. Renewals overlap:
   * a client may have several certificates. TrustRefused 'exists' when the certificate belongs to a client already.
   */
  async trustCertificate(
    by: By,
    wanted: {
      readonly instanceId: string
      readonly name: string
      readonly certificate: { readonly der: Uint8Array; readonly sha256: string }
    },
  ): Promise<{ readonly client: Client; readonly certificate: PinnedCertificate }> {
    const { sha256, der } = wanted.certificate
    return this.#writer.change(by, (snapshot, createdMs) => {
      const { tables, macs } = snapshot
      requireInstance(snapshot, wanted.instanceId)
      const pinned = tables.certificate.get(sha256)
      const unblocked = macs.has(`block/${sha256}`) && pinned?.instanceId === wanted.instanceId
      if (pinned && !unblocked)
        throw new TrustRefused(
          'exists',
          belongs(tables.client.get(pinned.clientId), snapshot, wanted.instanceId),
        )
      const client = clientNamed(snapshot, wanted, createdMs)
      const certificate: PinnedCertificate = {
        id: sha256,
        clientId: client.id,
        instanceId: wanted.instanceId,
        certificate: Buffer.from(der).toString('base64'),
        createdMs,
      }
      return {
        put: [
          { kind: 'client', value: client },
          { kind: 'certificate', value: certificate },
        ],
        // To trust a certificate by hand lifts a block of it.
        remove: macs.has(`block/${sha256}`) ? [{ kind: 'block', id: sha256 }] : [],
        action: 'client.trust',
        object: client.id,
        instanceId: wanted.instanceId,
        detail: { client: client.name, certificate: sha256 },
        result: { client, certificate },
      }
    })
  }

  /** Trusts the leaves of a CA whose subject fits. The same CA with an overlapping filter elsewhere is refused. */
  async trustAuthority(
    by: By,
    wanted: {
      readonly instanceId: string
      readonly name: string
      readonly ca: { readonly der: Uint8Array; readonly sha256: string }
      readonly subject: string
    },
  ): Promise<{ readonly client: Client; readonly authority: Authority }> {
    const { instanceId, ca, subject } = wanted
    const certificate = Buffer.from(ca.der).toString('base64')
    return this.#writer.change(by, (snapshot, createdMs) => {
      requireInstance(snapshot, instanceId)
      this.#refuseOverlap(snapshot, { instanceId, certificate, subject })
      const client = clientNamed(snapshot, wanted, createdMs)
      const owner = { clientId: client.id, instanceId }
      const authority: Authority = { id: randomUUID(), ...owner, certificate, subject, createdMs }
      return {
        put: [
          { kind: 'client', value: client },
          { kind: 'authority', value: authority },
        ],
        action: 'client.trust',
        object: client.id,
        instanceId,
        detail: { client: client.name, ca: ca.sha256, subject },
        result: { client, authority },
      }
    })
  }

  /** Renames a client (by id or name) or changes its settings. */
  async update(
    by: By,
    instanceId: string,
    nameOrId: string,
    settings: Partial<ClientSettings>,
  ): Promise<Client> {
    return this.#writer.change(by, (snapshot) => {
      const client: Client = { ...requireClient(snapshot, instanceId, nameOrId), ...settings }
      const same = ofInstance(snapshot, instanceId).find(({ name }) => name === client.name)
      if (same && same.id !== client.id)
        throw new TrustRefused('exists', `a client named ${client.name} exists already in this instance`)
      return {
        put: [{ kind: 'client', value: client }],
        action: 'client.set',
        object: client.id,
        instanceId,
        detail: { client: client.name, changed: Object.keys(settings).join(' ') },
        result: client,
      }
    })
  }

  /** Removes a client (by id, or by name within the instance) with all its certificates and CAs. */
  async remove(by: By, instanceId: string, nameOrId: string): Promise<Client> {
    return this.#writer.change(by, (snapshot) => {
      const client = requireClient(snapshot, instanceId, nameOrId)
      const ofClient = ({ clientId }: { readonly clientId: string }) => clientId === client.id
      const hanging = (['certificate', 'authority'] as const).flatMap((kind) =>
        [...snapshot.tables[kind].values()].filter(ofClient).map(({ id }) => ({ kind, id })),
      )
      return {
        remove: [{ kind: 'client', id: client.id }, ...hanging],
        action: 'client.remove',
        object: client.id,
        instanceId,
        detail: { client: client.name },
        result: client,
      }
    })
  }

  /** Takes one certificate or CA (`id`: its SHA-256, or the id of the CA's row) from a client; the last one too. */
  async removeCertificate(by: By, instanceId: string, nameOrId: string, id: string): Promise<Client> {
    return this.#writer.change(by, (snapshot) => {
      const client = requireClient(snapshot, instanceId, nameOrId)
      const kind = (['certificate', 'authority'] as const).find(
        (candidate) => snapshot.tables[candidate].get(id)?.clientId === client.id,
      )
      if (!kind)
        throw new TrustRefused('not-found', `the client ${client.name} has no certificate or CA ${id}`)
      return {
        remove: [{ kind, id }],
        action: 'client.certificate.remove',
        object: client.id,
        instanceId,
        detail: { client: client.name, certificate: id },
        result: client,
      }
    })
  }

  /** Refuses one certificate for good, whoever vouches for it. `instanceId`: whose audit it stands in. */
  async block(by: By, sha256: string, reason: string, instanceId: string | null): Promise<Block> {
    return this.#writer.change(by, (_snapshot, createdMs) => {
      const block: Block = { id: sha256, reason, createdMs }
      return {
        put: [{ kind: 'block', value: block }],
        action: 'client.block',
        object: sha256,
        instanceId,
        ...(reason && { detail: { reason } }),
        result: block,
      }
    })
  }

  /** Lifts a block. The certificate counts again where a client or a CA vouches for it. */
  async unblock(by: By, sha256: string): Promise<Block> {
    return this.#writer.change(by, ({ tables, macs }, nowMs) => {
      // One that was altered or taken away by hand still blocks; it can be lifted too.
      const listed = macs.has(`block/${sha256}`)
      const block = tables.block.get(sha256) ?? (listed && { id: sha256, reason: '', createdMs: nowMs })
      if (!block) throw new TrustRefused('not-found', `no certificate with the SHA-256 ${sha256} is blocked`)
      return {
        remove: [{ kind: 'block', id: sha256 }],
        action: 'client.unblock',
        object: sha256,
        instanceId: null,
        result: block,
      }
    })
  }

  #refuseOverlap(
    { tables }: TrustSnapshot,
    wanted: { readonly instanceId: string; readonly certificate: string; readonly subject: string },
  ): void {
    const der = Buffer.from(wanted.certificate, 'base64')
    for (const other of tables.authority.values()) {
      const here = other.instanceId === wanted.instanceId
      // Here a renewed CA may stand beside its old self; elsewhere one CA must not vouch for both.
      const same = here
        ? other.certificate === wanted.certificate
        : this.#rules.sameAuthority(Buffer.from(other.certificate, 'base64'), der)
      if (!same || !this.#rules.filtersOverlap(other.subject, wanted.subject)) continue
      throw new TrustRefused(
        'overlap',
        here
          ? `this CA is trusted in this instance already, for the subjects ${other.subject}, which overlap ${wanted.subject}`
          : `this CA is trusted in another instance already, for subjects that overlap ${wanted.subject}`,
        'A certificate can belong to one client of one instance only: choose subjects that do not overlap.',
      )
    }
  }
}

function ofInstance({ tables }: TrustSnapshot, instanceId: string): readonly Client[] {
  return [...tables.client.values()].filter((client) => client.instanceId === instanceId)
}

function requireClient(snapshot: TrustSnapshot, instanceId: string, nameOrId: string): Client {
  const client = ofInstance(snapshot, instanceId).find(({ id, name }) => id === nameOrId || name === nameOrId)
  if (!client) throw new TrustRefused('not-found', `there is no client ${nameOrId} in this instance`)
  return client
}

function clientNamed(
  snapshot: TrustSnapshot,
  { instanceId, name }: { readonly instanceId: string; readonly name: string },
  createdMs: number,
): Client {
  const existing = ofInstance(snapshot, instanceId).find((client) => client.name === name)
  return (
    existing ?? { id: randomUUID(), instanceId, name, expiredGraceDays: null, credential: null, createdMs }
  )
}

/** Says whose the certificate is, without telling one instance of another. */
function belongs(owner: Client | undefined, { tables }: TrustSnapshot, instanceId: string): string {
  if (owner?.instanceId === instanceId) return `this certificate belongs to the client ${owner.name} already`
  const other = owner && tables.instance.get(owner.instanceId)
  return `this certificate belongs to a client of ${other ? 'another instance' : 'no instance'} already; remove it there first`
}
