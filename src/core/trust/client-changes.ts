// Changes of clients: their certificates and CAs, blocks, and their settings. client-rules.ts decides what each grantor may
// change.

import { randomUUID } from 'node:crypto'
import { allowOf, allowOfNewClients, allowText, type Allow } from './allow.ts'
import type { By } from '../audit/actor.ts'
import {
  claimsPin,
  refuseAuthority,
  refuseCoveredPins,
  refuseOverlap,
  requireGrantable,
  requireMayLift,
  requireMayPin,
  requireMayTrustAuthority,
  withdrawal,
  type AuthorityRules,
} from './client-rules.ts'
import type { Grantor } from './grantor.ts'
import type { Authority, Block, Client, Credential, PinnedCertificate, RowOf, TrustSnapshot } from './rows.ts'
import { requireInstance, TrustRefused, type Present, type TrustDraft } from './writer.ts'
import type { TrustEvent, TrustWriter } from './writer.ts'

export interface ClientSettings extends Required<Pick<Client, 'name' | 'expiredGraceDays' | 'allow'>> {
  /** Only a mode: keeps the client's user name and password at the moment of the change. */
  readonly credential: Credential | Pick<Credential, 'mode'> | null
}

interface WantedClient {
  readonly instanceId: string
  readonly name: string
  /** The operations that a new client may request. Default: those that vSphere sends. */
  readonly allow?: Allow | undefined
}

interface TrustedCertificate {
  readonly client: Client
  readonly certificate: PinnedCertificate
}

interface TrustedAuthority {
  readonly client: Client
  readonly authority: Authority
}

export class ClientChanges {
  readonly #writer: TrustWriter
  readonly #rules: AuthorityRules

  constructor(writer: TrustWriter, rules: AuthorityRules) {
    this.#writer = writer
    this.#rules = rules
  }

  /**
   * Trusts one certificate as a client of an instance: the client with that name, or a new one. A client may have several
   * certificates, since renewals overlap. TrustRefused 'exists' if the certificate already belongs to a client. `issuedUntilMs`:
   * Mortise's own CA has just signed it for this instance, valid until then.
   */
  async trustCertificate<A = TrustedCertificate>(
    by: Grantor,
    newClient: WantedClient & {
      readonly certificate: { readonly der: Uint8Array; readonly sha256: string }
      readonly issuedUntilMs?: number | undefined
    },
    present?: Present<TrustedCertificate, A>,
  ): Promise<A> {
    const { instanceId, certificate, issuedUntilMs } = newClient
    const { sha256: id, der } = certificate
    const decide = (snapshot: TrustSnapshot, createdMs: number): TrustDraft<TrustedCertificate> => {
      requireInstance(snapshot, instanceId)
      const event: TrustEvent = {
        action: 'client.trust',
        object: id,
        instanceId,
        detail: { certificate: id },
      }
      requireMayPin(by, snapshot, { ...newClient, issued: issuedUntilMs !== undefined, event }, this.#rules)
      const client = clientNamed(snapshot, newClient, createdMs)
      requireGrantable(by, client, event)
      const blocked = isBlocked(snapshot, id)
      const pin: PinnedCertificate = {
        id,
        clientId: client.id,
        instanceId,
        certificate: Buffer.from(der).toString('base64'),
        createdMs,
      }
      const unblocked: TrustEvent = { action: 'client.unblock', object: id, instanceId: null }
      return {
        put: [
          { kind: 'client', value: client },
          { kind: 'certificate', value: pin },
          ...(issuedUntilMs === undefined
            ? []
            : [{ kind: 'issued', value: { id, instanceId, notAfterMs: issuedUntilMs, createdMs } } as const]),
        ],
        // Trusting a certificate explicitly lifts its block.
        remove: [
          ...(blocked ? [{ kind: 'block', id } as const] : []),
          ...(issuedUntilMs === undefined ? [] : outOfDate(snapshot, createdMs)),
        ],
        action: 'client.trust',
        object: client.id,
        instanceId,
        detail: { client: client.name, certificate: id, allow: allowText(allowOf(client)) },
        also: [...(blocked ? [unblocked] : []), ...claimsPin(snapshot, newClient, this.#rules)],
        result: { client, certificate: pin },
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /**
   * Trusts the leaves of a CA whose subject matches. Refuses the same CA with an overlapping filter for another client. Also
   * refuses a CA that vouches for certificates pinned in other instances, unless `leavePinned`.
   */
  async trustAuthority<A = TrustedAuthority>(
    by: Grantor,
    newClient: WantedClient & {
      readonly ca: { readonly der: Uint8Array; readonly sha256: string }
      readonly subject: string
      /** Leaves pinned certificates of other instances where they are. */
      readonly leavePinned?: boolean
    },
    present?: Present<TrustedAuthority, A>,
  ): Promise<A> {
    const { instanceId, ca, subject, leavePinned = false } = newClient
    const certificate = Buffer.from(ca.der).toString('base64')
    const decide = async (
      snapshot: TrustSnapshot,
      createdMs: number,
    ): Promise<TrustDraft<TrustedAuthority>> => {
      requireInstance(snapshot, instanceId)
      const about = { ca: ca.sha256, subject }
      const event: TrustEvent = { action: 'client.trust', object: ca.sha256, instanceId, detail: about }
      requireMayTrustAuthority(by, snapshot, event)
      const client = clientNamed(snapshot, newClient, createdMs)
      requireGrantable(by, client, event)
      const owner = { clientId: client.id, instanceId }
      const sinceVersion = snapshot.version + 1
      const authority: Authority = {
        id: randomUUID(),
        ...owner,
        certificate,
        subject,
        sinceVersion,
        createdMs,
      }
      refuseOverlap(snapshot, authority, this.#rules)
      if (!leavePinned) await refuseCoveredPins(snapshot, authority, this.#rules)
      return {
        put: [
          { kind: 'client', value: client },
          { kind: 'authority', value: authority },
        ],
        action: 'client.trust',
        object: client.id,
        instanceId,
        detail: { client: client.name, ...about, allow: allowText(allowOf(client)) },
        result: { client, authority },
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /** Renames a client (by id or name) or changes its settings. */
  async update<A = Client>(
    by: Grantor,
    instanceId: string,
    nameOrId: string,
    settings: Partial<ClientSettings>,
    present?: Present<Client, A>,
  ): Promise<A> {
    const decide = (snapshot: TrustSnapshot): TrustDraft<Client> => {
      const { credential, ...plain } = settings
      const before = requireClient(snapshot, instanceId, nameOrId)
      const changed = credential === undefined ? {} : { credential: credentialAfter(before, credential) }
      const client: Client = { ...before, ...plain, ...changed }
      const same = ofInstance(snapshot, instanceId).find(({ name }) => name === client.name)
      if (same && same.id !== client.id)
        throw new TrustRefused('exists', `a client named ${client.name} exists already in this instance`)
      const { allow } = settings
      const detail = {
        client: client.name,
        changed: Object.keys(settings).join(' '),
        ...(allow && { allow: allowText(allow) }),
      }
      const event: TrustEvent = { action: 'client.set', object: client.id, instanceId, detail }
      requireGrantable(by, client, event)
      return { put: [{ kind: 'client', value: client }], ...event, result: client }
    }
    return this.#writer.change(by, decide, present)
  }

  /** Removes a client (by id, or by name within the instance) with all its certificates and CAs. */
  async remove(by: Grantor, instanceId: string, nameOrId: string): Promise<Client> {
    return this.#writer.change(by, (snapshot, nowMs) => {
      const { tables } = snapshot
      const client = requireClient(snapshot, instanceId, nameOrId)
      const event: TrustEvent = {
        action: 'client.remove',
        object: client.id,
        instanceId,
        detail: { client: client.name },
      }
      const ofClient = ({ clientId }: { readonly clientId: string }) => clientId === client.id
      const pins = [...tables.certificate.values()].filter(ofClient)
      const authorities = [...tables.authority.values()].filter(ofClient)
      return {
        remove: [
          { kind: 'client', id: client.id },
          ...pins.map(({ id }) => ({ kind: 'certificate', id }) as const),
          ...authorities.map(({ id }) => ({ kind: 'authority', id }) as const),
        ],
        ...event,
        ...withdrawal(by, snapshot, { pins, authorities, event, nowMs }, this.#rules),
        result: client,
      }
    })
  }

  /** Removes one certificate or CA (`id`: its SHA-256, or the id of the CA's row) from a client, even its last one. */
  async removeCertificate<A = Client>(
    by: Grantor,
    instanceId: string,
    nameOrId: string,
    id: string,
    present?: Present<Client, A>,
  ): Promise<A> {
    const decide = (snapshot: TrustSnapshot, nowMs: number): TrustDraft<Client> => {
      const { tables } = snapshot
      const client = requireClient(snapshot, instanceId, nameOrId)
      const kind = (['certificate', 'authority'] as const).find(
        (candidate) => tables[candidate].get(id)?.clientId === client.id,
      )
      if (!kind)
        throw new TrustRefused('not-found', `the client ${client.name} has no certificate or CA ${id}`)
      const detail = { client: client.name, certificate: id }
      const event: TrustEvent = { action: 'client.certificate.remove', object: client.id, instanceId, detail }
      const pin = tables.certificate.get(id)
      const gone = { pins: pin ? [pin] : [], authorities: [], event, nowMs }
      return {
        remove: [{ kind, id }],
        ...event,
        ...withdrawal(by, snapshot, gone, this.#rules),
        result: client,
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /**
   * Blocks one certificate permanently, even if a CA vouches for it. `instanceId`: the instance whose audit gets the entry.
   * TrustRefused for the certificate of a CA that vouches for clients.
   */
  async block(by: By, sha256: string, reason: string, instanceId: string | null): Promise<Block> {
    return this.#writer.change(by, (snapshot, createdMs) => {
      refuseAuthority(snapshot, sha256)
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

  /** Lifts a block. The certificate counts again if a client or a CA vouches for it. */
  async unblock(by: By | Grantor, sha256: string): Promise<Block> {
    return this.#writer.change(by, (snapshot, nowMs) => {
      // An altered or deleted row of a block still blocks. It can be lifted too.
      const known = snapshot.tables.block.get(sha256)
      const block = known ?? (isBlocked(snapshot, sha256) && { id: sha256, reason: '', createdMs: nowMs })
      if (!block) throw new TrustRefused('not-found', `no certificate with the SHA-256 ${sha256} is blocked`)
      const event: TrustEvent = { action: 'client.unblock', object: sha256, instanceId: null }
      requireMayLift(by, snapshot, sha256, event)
      return { remove: [{ kind: 'block', id: sha256 }], ...event, result: block }
    })
  }
}

function ofInstance({ tables }: TrustSnapshot, instanceId: string): readonly Client[] {
  return [...tables.client.values()].filter((client) => client.instanceId === instanceId)
}

function requireClient(snapshot: TrustSnapshot, instanceId: string, nameOrId: string): Client {
  const all = ofInstance(snapshot, instanceId)
  const client = all.find(({ id }) => id === nameOrId) ?? all.find(({ name }) => name === nameOrId)
  if (!client) throw new TrustRefused('not-found', `there is no client ${nameOrId} in this instance`)
  return client
}

function credentialAfter(
  { name, credential }: Client,
  change: ClientSettings['credential'],
): Credential | null {
  if (change === null || 'hash' in change) return change
  if (credential) return { ...credential, ...change }
  throw new TrustRefused('unfit', `the client ${name} has no user name and password`, 'Give both.')
}

/** The client with that name, or a new one. */
function clientNamed(
  snapshot: TrustSnapshot,
  { instanceId, name, allow }: WantedClient,
  createdMs: number,
): Client {
  const existing = ofInstance(snapshot, instanceId).find((client) => client.name === name)
  if (existing && allow && allowText(allow) !== allowText(allowOf(existing)))
    throw new TrustRefused(
      'exists',
      `the client ${name} exists already, and may request other operations: ${allowText(allowOf(existing))}`,
      `Leave it as it is, or change it first: mortise client set NAME --allow ${allow.join(',')}`,
    )
  if (existing) return existing
  const settings = { expiredGraceDays: null, credential: null, allow: allow ?? allowOfNewClients }
  return { id: randomUUID(), instanceId, name, ...settings, createdMs }
}

function isBlocked({ macs }: TrustSnapshot, sha256: string): boolean {
  return macs.has(`block/${sha256}`)
}

/** Finds the records of expired certificates, which are not needed any more. */
function outOfDate({ tables }: TrustSnapshot, nowMs: number): { kind: RowOf['kind']; id: string }[] {
  return [...tables.issued.values()]
    .filter(({ notAfterMs }) => notAfterMs < nowMs)
    .map(({ id }) => ({ kind: 'issued', id }))
}
