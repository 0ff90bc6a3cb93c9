// The clients of an instance that is restored from a backup: which of their certificates and CAs may be trusted again, and why
// the others may not. Blocks on this server, and trust in other instances, stay as they are. Pure.

import { allowOf, allowText } from './allow.ts'
import { claimsPin, refuseCoveredPins, refuseOverlap, type AuthorityRules } from './client-rules.ts'
import type { Authority, Block, Client, RowOf, TrustedClient, TrustSnapshot } from './rows.ts'
import { TrustRefused, type TrustEvent } from './writer.ts'

/** A client of the backup, and the withdrawals since. */
export interface ReturningClient extends TrustedClient {
  /** This server removed the client after the backup. */
  readonly removed: boolean
  /** Ids of certificates and CAs that were removed after the backup. */
  readonly withdrawn: ReadonlySet<string>
}

export interface ClientsBack {
  readonly put: readonly RowOf[]
  readonly also: readonly TrustEvent[]
  /** Names of clients that are trusted again. */
  readonly clients: readonly string[]
  /** One sentence each. */
  readonly leftOut: readonly string[]
}

/**
 * `clients`: the clients that the administrator confirmed. `blocks`: certificates that the backup refuses. A CA that comes back
 * would otherwise let them in.
 */
export async function clientsBack(
  snapshot: TrustSnapshot,
  { clients, blocks }: { readonly clients: readonly ReturningClient[]; readonly blocks: readonly Block[] },
  rules: AuthorityRules,
): Promise<ClientsBack> {
  const put: RowOf[] = []
  const also: TrustEvent[] = []
  const leftOut: string[] = []
  const back: string[] = []
  const blocked = new Set(blocks.map(({ id }) => id))
  for (const client of clients) {
    if (client.removed) {
      leftOut.push(`the client ${client.name} was removed after the backup`)
      continue
    }
    const { certificates, authorities, removed: _, withdrawn: __, ...row } = client
    const pins = certificates.filter(({ id }) => keeps(whyNoPin(snapshot, { client, blocked }, id), leftOut))
    const cas: Authority[] = []
    for (const authority of authorities) {
      const anew = { ...authority, sinceVersion: snapshot.version + 1 }
      const why = await whyNoAuthority(snapshot, client, anew, rules)
      if (keeps(why, leftOut)) cas.push(anew)
    }
    back.push(client.name)
    put.push(
      { kind: 'client', value: row },
      ...pins.map((value): RowOf => ({ kind: 'certificate', value })),
      ...cas.map((value): RowOf => ({ kind: 'authority', value })),
    )
    also.push(trusted(row, pins.map(({ id }) => id).join(' '), cas.map(({ subject }) => subject).join(' ')))
    for (const { id, instanceId, certificate } of pins) {
      const pin = { instanceId, certificate: { sha256: id, der: Buffer.from(certificate, 'base64') } }
      also.push(...claimsPin(snapshot, pin, rules))
    }
  }
  if (back.length > 0) {
    // A pin on this server is newer than the block in the backup.
    const anew = blocks.filter(
      ({ id }) => !snapshot.macs.has(`block/${id}`) && !snapshot.macs.has(`certificate/${id}`),
    )
    put.push(...anew.map((value): RowOf => ({ kind: 'block', value })))
    also.push(...anew.map(({ id, reason }) => blockedToo(id, reason)))
  }
  return { put, also, clients: back, leftOut }
}

function blockedToo(id: string, reason: string): TrustEvent {
  const detail = { restored: true, ...(reason && { reason }) }
  return { action: 'client.block', object: id, instanceId: null, detail }
}

function keeps(why: string | undefined, leftOut: string[]): boolean {
  if (why !== undefined) leftOut.push(why)
  return why === undefined
}

function whyNoPin(
  { tables, macs }: Pick<TrustSnapshot, 'tables' | 'macs'>,
  { client, blocked }: { readonly client: ReturningClient; readonly blocked: ReadonlySet<string> },
  id: string,
): string | undefined {
  const what = `the certificate ${id} of the client ${client.name}`
  if (blocked.has(id)) return `${what} is blocked in the backup`
  if (client.withdrawn.has(id)) return `${what} was removed after the backup`
  if (macs.has(`block/${id}`)) return `${what} is blocked here`
  const pinned = tables.certificate.get(id)
  if (pinned)
    return `${what} belongs to the client ${tables.client.get(pinned.clientId)?.name ?? ''} of the instance ${tables.instance.get(pinned.instanceId)?.name ?? ''} now`
  if (macs.has(`certificate/${id}`)) return `${what} was altered in this database`
  return undefined
}

async function whyNoAuthority(
  snapshot: TrustSnapshot,
  { name, withdrawn }: ReturningClient,
  authority: Authority,
  rules: AuthorityRules,
): Promise<string | undefined> {
  const what = `a CA of the client ${name} (${authority.subject})`
  if (withdrawn.has(authority.id)) return `${what} was removed after the backup`
  try {
    refuseOverlap(snapshot, authority, rules)
    await refuseCoveredPins(snapshot, authority, rules)
    return undefined
  } catch (error) {
    if (error instanceof TrustRefused) return `${what} does not come back: ${error.message}`
    throw error
  }
}

function trusted(client: Client, certificates: string, subjects: string): TrustEvent {
  const detail = {
    client: client.name,
    ...(certificates !== '' && { certificate: certificates }),
    ...(subjects !== '' && { subject: subjects }),
    allow: allowText(allowOf(client)),
    restored: true,
  }
  return { action: 'client.trust', object: client.id, instanceId: client.instanceId, detail }
}
