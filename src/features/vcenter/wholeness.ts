// Whether the inventory of an instance is whole: it has every machine that could use a key of the instance. What relies on an inventory asks
// here first, and refuses with these reasons.

import { counted } from '../../base/text/counted.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { Client } from '../../core/trust/rows.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import type { VcenterService } from './needs.ts'
import type { Vcenter } from './vcenters.ts'

/** A reading counts for this time. */
export const countsMs = 5 * 60_000
/** A client that was here within this time may have keys on a machine that no reading shows. */
const clientMs = 90 * 24 * 3600_000
/** The clients that a reason names. */
const namesMax = 5

/** The last whole reading of a vCenter. */
export interface LastReading {
  readonly ageMs: number
  /** vCenter let the user list first-class disks. */
  readonly hasDisks: boolean
}

export interface VcenterReading {
  readonly name: string
  readonly login: 'stored' | 'off' | 'none'
  /** undefined: this node has none. */
  readonly reading: LastReading | undefined
  /** Why the last try failed. */
  readonly trouble: string | undefined
}

export interface ClientOfNone {
  readonly name: string
  readonly seenMs: number
}

/** Sentences without a full stop; none: the inventory is whole. `strangers`: the clients that belong to none of the vCenters. */
export function partialReasons(
  vcenters: readonly VcenterReading[],
  strangers: readonly ClientOfNone[],
): readonly string[] {
  if (vcenters.length === 0) return ['no vCenter was added to the instance']
  return [...vcenters.flatMap(reasonsOf), ...strangerReasons(strangers)]
}

function reasonsOf({ name, login, reading, trouble }: VcenterReading): readonly string[] {
  if (login !== 'stored')
    return [
      `${login === 'off' ? 'the stored login is off' : 'no login is stored'} for ${name}: mortise vcenter set ${shellWord(name)} --user USER`,
    ]
  if (trouble !== undefined) return [`${name} was not read: ${trouble}`]
  if (!reading) return [`this node has not read ${name}; with several nodes, one of them reads`]
  if (reading.ageMs >= countsMs) return [`${name} was read more than five minutes ago`]
  if (!reading.hasDisks)
    return [
      `the user of ${name} may not list first-class disks: give it Datastore.FileManagement on all datastores`,
    ]
  return []
}

function strangerReasons(strangers: readonly ClientOfNone[]): readonly string[] {
  if (strangers.length === 0) return []
  const first = strangers
    .slice(0, namesMax)
    .map(({ name, seenMs }) => `${name}, last seen at ${isoTime(seenMs)}`)
  const more = strangers.length > namesMax ? `; and ${strangers.length - namesMax} more` : ''
  return [
    `${counted(strangers.length, 'client')} of the instance ${strangers.length === 1 ? 'belongs' : 'belong'} to none of these vCenters and may use keys: ${first.join('; ')}${more}. If it is a vCenter that was added here, connect it once: mortise vcenter connect NAME`,
  ]
}

/** Those of the clients that were here lately and belong to none of these vCenters. `seenMs`: by id, when each was last here. */
export function clientsOfNone(
  clients: readonly Pick<Client, 'id' | 'name'>[],
  seenMs: ReadonlyMap<string, number>,
  vcenters: readonly Pick<Vcenter, 'clients'>[],
  nowMs: number,
): readonly ClientOfNone[] {
  const belong = new Set(vcenters.flatMap((vcenter) => vcenter.clients ?? []))
  const found = clients.flatMap(({ id, name }) => {
    const seen = belong.has(id) ? undefined : seenMs.get(id)
    return seen === undefined || nowMs - seen >= clientMs ? [] : [{ name, seenMs: seen }]
  })
  return found.toSorted((a, b) => b.seenMs - a.seenMs)
}

async function strangersOf(
  { access, lastSeen, clock }: Pick<VcenterService, 'access' | 'lastSeen' | 'clock'>,
  instanceId: string,
  vcenters: readonly Vcenter[],
): Promise<readonly ClientOfNone[]> {
  const { tables } = await access.snapshot()
  const clients = [...tables.client.values()].filter((client) => client.instanceId === instanceId)
  const seenMs = new Map<string, number>()
  for (const { id } of clients) {
    const seen = await lastSeen.ofClient(id)
    if (seen) seenMs.set(id, seen.lastMs)
  }
  return clientsOfNone(clients, seenMs, vcenters, clock.now())
}

export interface Wholeness {
  readonly reasons: readonly string[]
  /** By id of the vCenter. */
  readonly readings: ReadonlyMap<string, LastReading>
}

/** As this node knows it from the readings that it made by itself. */
export async function knownWholeness(
  context: Pick<VcenterService, 'access' | 'lastSeen' | 'clock' | 'logins' | 'readings' | 'vcenters'>,
  instanceId: string,
): Promise<Wholeness> {
  const { logins, readings } = context
  const all = await context.vcenters.of(instanceId)
  const known = new Map<string, LastReading>()
  const sides = await Promise.all(
    all.map(async (vcenter): Promise<VcenterReading> => {
      const reading = readings.lastOf(vcenter)
      if (reading) known.set(vcenter.id, reading)
      const { name, user } = vcenter
      const login = user === undefined ? 'none' : (await logins.isStored(vcenter)) ? 'stored' : 'off'
      return { name, login, reading, trouble: readings.troubleOf(vcenter)?.message }
    }),
  )
  const reasons = partialReasons(sides, await strangersOf(context, instanceId, all))
  return { reasons, readings: known }
}
