// Rules for changes of clients: which changes are refused, and what else a change does. Three principles (design: sections 3 and
// 7): a grantor grants no more than its role allows; a token for one instance takes nothing from another instance and learns
// nothing about it; withdrawn trust does not return through a CA with more rights than before.

import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { namesShownMax } from '../../base/bounds.ts'
import { allowOf, allowText, isWithin } from './allow.ts'
import type { By } from '../audit/actor.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { grantedAtMost, type Grantor } from './grantor.ts'
import type { Authority, Block, Client, PinnedCertificate, RowOf, TrustSnapshot } from './rows.ts'
import { parsedAuthorities, vouching, type LeafRules } from './vouching.ts'
import { TrustForbidden, TrustRefused, type TrustEvent } from './writer.ts'

/** Pinned certificates that the server compares with a CA before other requests get a turn. */
export const pinsPerTurn = 50

/** Functions on CAs and filters. The caller passes them in, since core/trust/ knows no X.509. */
export interface AuthorityRules extends LeafRules {
  /** Whether some subject matches both patterns. */
  readonly filtersOverlap: (a: string, b: string) => boolean
  /** Whether two certificates (DER) belong to one CA, that is, have the same key. */
  readonly sameAuthority: (a: Uint8Array, b: Uint8Array) => boolean
}

/** A certificate to pin in an instance. */
interface WantedPin {
  readonly instanceId: string
  readonly certificate: { readonly der: Uint8Array; readonly sha256: string }
}

/** TrustForbidden if the changed client could request more than the grantor may grant. */
export function requireGrantable(by: Grantor, client: Client, event: TrustEvent): void {
  const atMost = grantedAtMost(by)
  if (isWithin(allowOf(client), atMost)) return
  const most = allowText(atMost)
  throw new TrustForbidden(
    `the client ${client.name} may ask for ${allowText(allowOf(client))}, but the role ${by.role} grants ${most} at most`,
    `Let a manager do it, or let the client have less: mortise client set ${shellWord(client.name)} --allow ${shellWord(most)}`,
    event,
  )
}

/**
 * Throws TrustForbidden or TrustRefused if this grantor may not pin this certificate. For every reason outside its instance, a
 * token for one instance gets the same sentence after the same work, so it learns nothing. This function does not check CAs.
 */
export function requireMayPin(
  by: Grantor,
  { tables, macs }: TrustSnapshot,
  pin: WantedPin & { readonly issued: boolean; readonly event: TrustEvent },
  rules: LeafRules,
): void {
  const { instanceId, certificate, event } = pin
  const pinned = tables.certificate.get(certificate.sha256)
  const owner = pinned && tables.client.get(pinned.clientId)
  const blocked = macs.has(`block/${certificate.sha256}`)
  const here = pinned?.instanceId === instanceId
  if (here && !blocked)
    throw new TrustRefused('exists', `this certificate belongs to the client ${owner?.name ?? ''} already`)
  if (by.onlyInstanceId !== null) {
    const issuedHere = pin.issued || tables.issued.get(certificate.sha256)?.instanceId === instanceId
    if (blocked || pinned || (tables.instance.size > 1 && !issuedHere))
      throw new TrustForbidden(
        'this certificate can be trusted with a token for all instances only',
        'A token for one instance trusts certificates that Mortise issues or signs for it: mortise client issue, mortise client sign.',
        event,
        () => claimsPin({ tables }, pin, rules),
      )
  }
  if (pinned && !here)
    throw new TrustRefused(
      'exists',
      `this certificate belongs to the client ${owner?.name ?? ''} of the instance ${tables.instance.get(pinned.instanceId)?.name ?? ''} already`,
      'Remove it there first: mortise client remove NAME --instance INSTANCE --certificate SHA256',
    )
}

/**
 * Throws TrustForbidden if lifting the block could make the certificate a client with more rights than the grantor may grant. A
 * block only holds the SHA-256 of the certificate, so any CA may vouch for it.
 */
export function requireMayLift(
  by: By | Grantor,
  { tables }: TrustSnapshot,
  sha256: string,
  event: TrustEvent,
): void {
  if (!('role' in by)) return
  const pinned = tables.certificate.get(sha256)
  for (const { clientId } of pinned ? [pinned] : tables.authority.values()) {
    const client = tables.client.get(clientId)
    if (!client || isWithin(allowOf(client), grantedAtMost(by))) continue
    throw new TrustForbidden(
      `without its block ${pinned ? 'the certificate would be' : 'a CA may make it'} the client ${client.name}: that one may ask for ${allowText(allowOf(client))}, but the role ${by.role} grants ${allowText(grantedAtMost(by))} at most`,
      'Let a manager do it.',
      event,
    )
  }
}

/** Throws TrustRefused for the certificate of a CA that vouches for clients, since blocking it would refuse none of them. */
export function refuseAuthority({ tables }: TrustSnapshot, sha256: string): void {
  const authority = [...tables.authority.values()].find(
    ({ certificate }) => createHash('sha256').update(certificate, 'base64').digest('hex') === sha256,
  )
  if (!authority) return
  const name = tables.client.get(authority.clientId)?.name ?? ''
  throw new TrustRefused(
    'in-use',
    `this is the certificate of a CA, which vouches for the client ${name}: a block would refuse none of those that it signed`,
    `Withdraw the CA: mortise client remove ${shellWord(name)} --certificate ${authority.id}`,
  )
}

/** Throws TrustForbidden for a token of one instance if there are several instances, since a CA affects all of them. */
export function requireMayTrustAuthority(by: Grantor, { tables }: TrustSnapshot, event: TrustEvent): void {
  if (by.onlyInstanceId === null || tables.instance.size === 1) return
  throw new TrustForbidden(
    'a CA can be trusted with a token for all instances only',
    'A token for one instance trusts certificates that Mortise issues or signs for it: mortise client issue, mortise client sign.',
    event,
  )
}

/** Audit entries for another instance, if the certificate is a client there by a pin or by a CA. */
export function claimsPin(
  { tables }: Pick<TrustSnapshot, 'tables'>,
  { instanceId, certificate }: WantedPin,
  rules: LeafRules,
): readonly TrustEvent[] {
  const { sha256, der } = certificate
  const trusted =
    tables.certificate.get(sha256) ??
    vouching(parsedAuthorities(tables.authority.values()), der, rules)[0]?.authority
  if (!trusted || trusted.instanceId === instanceId) return []
  const client = tables.client.get(trusted.clientId)?.name ?? ''
  return [
    {
      action: 'client.certificate.claim',
      object: trusted.clientId,
      instanceId: trusted.instanceId,
      detail: { client, certificate: sha256 },
    },
  ]
}

/** TrustRefused if the same key vouches for another client with an overlapping filter. One client may have a renewed CA twice. */
export function refuseOverlap(
  { tables }: TrustSnapshot,
  authority: Pick<Authority, 'clientId' | 'instanceId' | 'certificate' | 'subject'>,
  { sameAuthority, filtersOverlap }: AuthorityRules,
): void {
  const der = Buffer.from(authority.certificate, 'base64')
  for (const other of tables.authority.values()) {
    const renewed = other.clientId === authority.clientId && other.certificate !== authority.certificate
    if (renewed || !filtersOverlap(other.subject, authority.subject)) continue
    if (!sameAuthority(Buffer.from(other.certificate, 'base64'), der)) continue
    const client = tables.client.get(other.clientId)?.name ?? ''
    const where =
      other.instanceId === authority.instanceId
        ? 'this instance'
        : `the instance ${tables.instance.get(other.instanceId)?.name ?? ''}`
    throw new TrustRefused(
      'overlap',
      `this CA is trusted in ${where} already, as the client ${client} for the subjects ${other.subject}, which overlap ${authority.subject}`,
      'A certificate can belong to one client of one instance only: choose subjects that do not overlap.',
    )
  }
}

/** TrustRefused if the CA vouches for certificates that are pinned in other instances. The message names them. */
export async function refuseCoveredPins(
  { tables }: TrustSnapshot,
  authority: Authority,
  rules: LeafRules,
): Promise<void> {
  const ca = parsedAuthorities([authority])
  const covered: string[] = []
  let looked = 0
  for (const pin of tables.certificate.values()) {
    if (pin.instanceId === authority.instanceId) continue
    if (++looked % pinsPerTurn === 0) await nextTurn()
    if (vouching(ca, Buffer.from(pin.certificate, 'base64'), rules).length === 0) continue
    const instance = tables.instance.get(pin.instanceId)?.name ?? ''
    covered.push(`${pin.id} (the client ${tables.client.get(pin.clientId)?.name ?? ''} of ${instance})`)
  }
  if (covered.length === 0) return
  const named = covered.slice(0, namesShownMax).join(', ')
  const more = covered.length > namesShownMax ? ` and ${covered.length - namesShownMax} more` : ''
  throw new TrustRefused(
    'overlap',
    `this CA vouches for certificates that are pinned in other instances: ${named}${more}`,
    'They stay where they are pinned with --leave-pinned (leavePinned in the body). To have one here, remove it there first.',
  )
}

/**
 * The blocks and audit entries that go with the removal of pins. A certificate without its pin may become a client through a CA.
 * If a token for one instance would thereby let it into another instance, this blocks the certificate. If the certificate would
 * thereby get more rights than before, and more than the grantor may grant, this throws TrustForbidden.
 */
export function withdrawal(
  by: By | Grantor,
  { tables, macs }: TrustSnapshot,
  gone: {
    readonly pins: readonly PinnedCertificate[]
    readonly authorities: readonly Authority[]
    readonly event: TrustEvent
    readonly nowMs: number
  },
  rules: LeafRules,
): { readonly put: readonly RowOf[]; readonly also: readonly TrustEvent[] } {
  if (!('role' in by)) return { put: [], also: [] }
  const left = [...tables.authority.values()].filter((authority) => !gone.authorities.includes(authority))
  const authorities = parsedAuthorities(left)
  const blocks: Block[] = []
  for (const { id, instanceId, clientId, certificate } of gone.pins) {
    const [heir] = vouching(authorities, Buffer.from(certificate, 'base64'), rules)
    const client = heir && tables.client.get(heir.authority.clientId)
    if (!client || macs.has(`block/${id}`)) continue
    const elsewhere = client.instanceId !== instanceId
    if (elsewhere && by.onlyInstanceId !== null) {
      blocks.push({ id, reason: 'trust was withdrawn where it was pinned', createdMs: gone.nowMs })
      continue
    }
    const now = tables.client.get(clientId)
    const noMore = !elsewhere && now !== undefined && isWithin(allowOf(client), allowOf(now))
    if (noMore || isWithin(allowOf(client), grantedAtMost(by))) continue
    throw new TrustForbidden(
      `without its pin the certificate ${id} would be the client ${client.name}, since a CA vouches for it: that one may ask for ${allowText(allowOf(client))}, but the role ${by.role} grants ${allowText(grantedAtMost(by))} at most`,
      'Let a manager do it, or let the certificate be blocked: mortise client block SHA256',
      gone.event,
    )
  }
  return {
    put: blocks.map((value) => ({ kind: 'block', value }) as const),
    also: blocks.map(({ id, reason }) => ({
      action: 'client.block',
      object: id,
      instanceId: null,
      detail: { reason },
    })),
  }
}
