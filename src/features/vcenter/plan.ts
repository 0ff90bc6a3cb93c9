// The plan of a connect, with everything that its request left out, and the addresses of both sides.

import { hostname } from 'node:os'
import { addressText, parseAddress, type Address } from '../../base/kmip-address.ts'
import { isLoopback } from '../../base/loopback.ts'
import { Refusal } from '../../base/refusal.ts'
import { namesIn, nameMatches } from '../../core/pki/server-chain.ts'
import type { RouteRequest } from '../../doors/http/route-request.ts'
import type { ConnectPlan } from './connect.ts'
import type { VcenterService } from './needs.ts'
import type { vcenterRoutes } from './routes.ts'
import type { Vcenter } from './vcenters.ts'

const httpsPort = 443
/** Names, also those in other scripts, and addresses. */
const hostCharacters = /^[\p{L}\p{M}\p{N}_.:-]{1,255}$/u

/** The plan, with everything that the request left out. Throws Refusal. */
export async function planOf(
  { about, leases, vcenters }: Pick<VcenterService, 'about' | 'leases' | 'vcenters'>,
  instance: { readonly id: string; readonly name: string },
  word: string,
  body: RouteRequest<(typeof vcenterRoutes)['connectVcenter']>['body'],
): Promise<{
  readonly vcenter: Vcenter
  readonly plan: ConnectPlan
  readonly addresses: readonly string[]
}> {
  const vcenter = await vcenters.named(instance, word)
  if ((body.client === 'authority') !== (body.authority !== undefined))
    throw new Refusal('bad-request', 'body.authority: a CA belongs to the way `authority`, and only to it')
  const addresses = body.addresses ?? (await ownAddresses({ about, leases }))
  return {
    vcenter,
    addresses,
    plan: {
      provider: body.provider ?? vcenter.provider?.name ?? `mortise-${instance.name}`,
      addresses: addresses.map(ownAddress),
      client: body.client,
      authority: body.authority,
      makeDefault: body.default,
      dryRun: body.dryRun,
    },
  }
}

/** Where vCenter reaches this server, as its nodes know themselves. */
export async function ownAddresses({
  about,
  leases,
}: Pick<VcenterService, 'about' | 'leases'>): Promise<readonly string[]> {
  const nodes = (await leases.nodes()).filter(({ serves }) => serves).map(({ kmip }) => kmip)
  return nodes.length > 0 ? nodes : [addressOfThis(about)]
}

/** A server that listens everywhere is at the first name in its certificate that others can use. */
function addressOfThis({ kmip, certificate }: VcenterService['about']): string {
  const [, port] = /^(?:0\.0\.0\.0|\[::\]):(\d+)$/.exec(kmip) ?? []
  if (port === undefined) return kmip
  const name = namesIn(certificate().der).find((one) => !isLoopback(one) && !one.includes('*'))
  return addressText({ host: name ?? hostname(), port: Number(port) })
}

/** Sentences about addresses at which vCenter may not find this server, or not recognize it. */
export function addressWarnings(addresses: readonly Address[], certificate: Uint8Array): readonly string[] {
  const names = namesIn(certificate)
  return addresses
    .filter(({ host }) => !names.some((name) => nameMatches(host.toLowerCase(), name.toLowerCase())))
    .map(
      (address) =>
        `${addressText(address)} is not among the names in the certificate of this server (${names.join(', ')}): add it with mortise server-cert renew --names, or name the right address with --address`,
    )
}

/** Throws Refusal. */
export function ownAddress(text: string): Address {
  const address = parseAddress(text)
  if (!address || !hostCharacters.test(address.host))
    throw new Refusal('bad-request', `body.addresses: it takes HOST or HOST:PORT, not ${text}`)
  return address
}

/** Throws Refusal. */
export function vcenterAddress(text: string): { readonly host: string; readonly port: number } {
  const [, bare = ''] = /^(?:https:\/\/)?([^/]+)/i.exec(text) ?? []
  const address = /:\/\//.test(bare) ? undefined : parseAddress(bare, httpsPort)
  if (!address || !hostCharacters.test(address.host))
    throw new Refusal('bad-request', `body.host: it takes HOST or HOST:PORT, not ${text}`)
  return { host: address.host, port: address.port }
}
