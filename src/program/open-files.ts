// Each connection is an open file of its process, and so is each file of the database. If connections took all that a process
// may have, the store, the backups and the admin API would fail with them. So the KMIP listener holds only as many connections as leave enough.

import { readFileSync } from 'node:fs'
import type { ListenerLimits } from '../doors/kmip/listener-limits.ts'
import {
  connectionsMax,
  connectionsPerAddressMax,
  knownConnectionsKept,
  proxyHeadersWaitingMax,
} from '../base/bounds.ts'

/** Open files of a process that connections of KMIP clients leave to the rest: the store, backups, the admin API, calls. Half where it may have few. */
export const openFilesKept = 768

/** How many files this process may have open; Infinity where the system does not say. Node raised the soft limit when it started. */
export function openFilesMax(file = '/proc/self/limits'): number {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return Infinity
  }
  const [, soft] = /^Max open files\s+(\d+)/m.exec(text) ?? []
  return soft === undefined ? Infinity : Number(soft)
}

/** The bounds of the listener in each of `processes` processes. Together these hold what listener-limits.ts says for one node, or less. */
export function connectionLimits(openFiles: number, processes: number) {
  const room = openFiles - Math.min(openFilesKept, openFiles / 2)
  const share = Math.min(1 / processes, room / (connectionsMax + proxyHeadersWaitingMax))
  const ofShare = (count: number): number => Math.ceil(count * share)
  return {
    connectionsMax: ofShare(connectionsMax),
    connectionsPerAddressMax: ofShare(connectionsPerAddressMax),
    proxyHeadersWaitingMax: ofShare(proxyHeadersWaitingMax),
    knownConnectionsKept: ofShare(knownConnectionsKept),
  } satisfies Partial<ListenerLimits>
}
