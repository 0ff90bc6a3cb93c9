// Whether the inventory of an instance is whole: it has every machine that could use a key of the instance. What relies on an inventory asks
// here first, and refuses with these reasons.

import { counted } from '../../base/text/counted.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { SeenClient } from '../../doors/http/plugs.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import type { VcenterService } from './needs.ts'
import type { LastReading } from './readings.ts'
import type { Vcenter } from './vcenters.ts'

/** A reading counts for this time. */
export const countsMs = 5 * 60_000
/** A client that was here within this time may have keys on a machine that no reading shows. */
const clientMs = 90 * 24 * 3600_000
/** The clients that a reason names. */
const namesMax = 5

export interface VcenterReading {
  readonly name: string
  readonly login: 'stored' | 'off' | 'none'
  /** undefined: this node has none. */
  readonly reading: LastReading | undefined
  /** Why the last try failed. */
  readonly trouble: string | undefined
}

/** Sentences without a full stop; none: the inventory is whole. `strangers`: the clients that belong to none of the vCenters. */
export function partialReasons(
  vcenters: readonly VcenterReading[],
  strangers: readonly SeenClient[],
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

function strangerReasons(strangers: readonly SeenClient[]): readonly string[] {
  if (strangers.length === 0) return []
  const first = strangers
    .slice(0, namesMax)
    .map(({ name, lastMs }) => `${name}, last seen at ${isoTime(lastMs)}`)
  const more = strangers.length > namesMax ? `; and ${strangers.length - namesMax} more` : ''
  return [
    `${counted(strangers.length, 'client')} of the instance ${strangers.length === 1 ? 'belongs' : 'belong'} to none of these vCenters and may use keys: ${first.join('; ')}${more}. If it is a vCenter that was added here, connect it once: mortise vcenter connect NAME`,
  ]
}

/** The clients that were here lately and belong to none of these vCenters, the latest first. */
export function clientsOfNone(
  clients: readonly SeenClient[],
  vcenters: readonly Pick<Vcenter, 'clients'>[],
  nowMs: number,
): readonly SeenClient[] {
  const known = new Set(vcenters.flatMap((vcenter) => vcenter.clients ?? []))
  return clients
    .filter(({ id, lastMs }) => !known.has(id) && nowMs - lastMs < clientMs)
    .toSorted((a, b) => b.lastMs - a.lastMs)
}

export interface Wholeness {
  readonly reasons: readonly string[]
  /** By id of the vCenter. */
  readonly readings: ReadonlyMap<string, LastReading>
}

/** As this node knows it from the readings that it made by itself. */
export async function knownWholeness(
  context: Pick<VcenterService, 'clock' | 'logins' | 'plugs' | 'readings' | 'vcenters'>,
  instanceId: string,
): Promise<Wholeness> {
  const { clock, logins, plugs, readings } = context
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
  const strangers = clientsOfNone(await plugs.clientsSeen(instanceId), all, clock.now())
  const reasons = partialReasons(sides, strangers)
  return { reasons, readings: known }
}
