// Finds the machines in which a node of this server runs, its database, or the vCenter itself, by the names and addresses that their
// guests report. Such a machine with a key of this server needs this server to start. A machine without VMware Tools reports nothing, and is not recognized.

import { lookup } from 'node:dns/promises'
import { hostname, networkInterfaces } from 'node:os'
import { parseAddress } from '../../base/kmip-address.ts'
import { isLoopback } from '../../base/loopback.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { NodeLeases } from '../../core/server/leases.ts'
import type { InventoryObject } from '../../outside/vsphere-api/inventory.ts'
import { elementsOf } from '../../outside/vsphere-api/values.ts'
import type { Vcenter } from './vcenters.ts'

const lookupMs = 2_000

/** The paths of a VirtualMachine that `part` looks at. */
export const guestPaths = ['guest.hostName', 'guest.ipAddress', 'guest.net'] as const

/** How this server knows where its parts are. */
export interface OwnParts {
  readonly about: {
    /** HOST:PORT of this node. */
    readonly kmip: string
    /** The names and addresses of its database server; none where a file holds the keys. */
    readonly databaseHosts: readonly string[]
  }
  readonly clock: Clock
  readonly leases: Pick<NodeLeases, 'nodes'>
}

/** By name or address, in lower case: `this server`, `its database` or `vCenter`. */
export type NeededHosts = ReadonlyMap<string, string>

/** The names and addresses of this server's nodes, of its database and of the vCenter. It waits two seconds for a name server. */
export async function neededHosts(
  { about, clock, leases }: OwnParts,
  { host }: Pick<Vcenter, 'host'>,
): Promise<NeededHosts> {
  const nodes = [about.kmip, ...(await leases.nodes()).map(({ kmip }) => kmip)]
  const own = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address))
  const places = [
    ...[...nodes.flatMap((kmip) => parseAddress(kmip)?.host ?? []), hostname(), ...own].map(
      (name) => [name, 'this server'] as const,
    ),
    ...about.databaseHosts.map((name) => [name, 'its database'] as const),
    [host, 'vCenter'] as const,
  ]
  const hosts = new Map<string, string>()
  // The first part counts: a database on this server's own machine is no part of its own.
  const add = (name: string, part: string) => {
    if (!hosts.has(name.toLowerCase())) hosts.set(name.toLowerCase(), part)
  }
  for (const [name, part] of places) add(name, part)
  const resolved = await Promise.all(
    places.map(async ([name, part]) => (await addressesOf(name, clock)).map((one) => [one, part] as const)),
  )
  for (const [address, part] of resolved.flat()) add(address, part)
  for (const name of hosts.keys()) if (isNowhere(name)) hosts.delete(name)
  return hosts
}

/** The part that runs in a machine, read with `guestPaths`; undefined: none is known to. */
export function partIn(hosts: NeededHosts, { values }: Pick<InventoryObject, 'values'>): string | undefined {
  const nics = values.get('guest.net')?.children ?? []
  const said = [
    values.get('guest.hostName')?.text,
    values.get('guest.ipAddress')?.text,
    ...nics.flatMap((nic) => elementsOf(nic, 'ipAddress').map(({ text }) => text)),
  ]
  for (const one of said) {
    const part = one === undefined ? undefined : partAt(hosts, one.toLowerCase())
    if (part !== undefined) return part
  }
  return undefined
}

/** A guest may report its name without its domain. */
function partAt(hosts: NeededHosts, name: string): string | undefined {
  if (name === '' || isNowhere(name)) return undefined
  const whole = hosts.get(name)
  if (whole !== undefined || name.includes('.') || name.includes(':')) return whole
  for (const [host, part] of hosts) if (host.startsWith(`${name}.`)) return part
  return undefined
}

/** Every machine has these. */
function isNowhere(name: string): boolean {
  return isLoopback(name) || name === '0.0.0.0' || name === '::'
}

async function addressesOf(name: string, clock: Pick<Clock, 'sleep'>): Promise<readonly string[]> {
  const ended = new AbortController()
  const late = clock.sleep(lookupMs, ended.signal).then(() => [])
  try {
    return await Promise.race([
      lookup(name, { all: true }).then((all) => all.map(({ address }) => address)),
      late,
    ])
  } catch {
    // The name has no address here.
    return []
  } finally {
    ended.abort()
  }
}
