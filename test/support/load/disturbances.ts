// Disturbs two nodes and their database while clients work: nodes are killed, sleep and are cut off, clocks jump, disks fill,
// and the servers of the database crash and replace each other. Each ends with everything in its place again; nobody restarts
// what should recover by itself. Used by soak-nodes.ts.

import { setTimeout as sleep } from 'node:timers/promises'
import type { TestNode } from '../server/nodes.ts'
import type { PostgresServer } from '../postgresql/server.ts'
import { until } from '../time/until.ts'
import { emptyDisk, fillDisk } from '../store/small-disk.ts'
import type { Topology } from './topology.ts'

export const disturbances = [
  'kill',
  'pause',
  'cut',
  'mute',
  'restart',
  'crash',
  'replica away',
  'fail-over',
  'old primary left',
  'clock jump',
  'disk of a node full',
  'disk of the database full',
] as const
export type Disturbance = (typeof disturbances)[number]

/** Longer than a lease, so that others take over what a sleeper was at. */
const pauseMsMax = 20_000
const clockMsMax = 600_000

export async function disturb(kind: Disturbance, topology: Topology, random: () => number): Promise<void> {
  const between = (least: number, most: number) => least + random() * (most - least)
  const node = random() < 0.5 ? topology.nodes.one : topology.nodes.two
  const { primary, replica, replication } = topology
  switch (kind) {
    case 'kill':
      await node.kill()
      await sleep(between(0, 2_000))
      return void (await node.start())
    case 'pause':
      node.pause()
      await sleep(between(100, random() < 0.3 ? pauseMsMax : 3_000))
      return node.wake()
    case 'cut':
      for (const wire of node.wires) await wire.cut()
      await sleep(between(100, 8_000))
      for (const wire of node.wires) await wire.mend()
      return
    case 'mute':
      for (const wire of node.wires) wire.mute()
      await sleep(between(100, 8_000))
      for (const wire of node.wires) {
        wire.drop()
        await wire.mend()
      }
      return
    case 'restart':
    case 'crash':
      await primary.stop(kind === 'crash' ? 'immediate' : 'fast')
      await sleep(between(0, 3_000))
      return primary.start()
    case 'replica away':
      return replicaAway(replication, between(100, 14_000))
    case 'fail-over':
      await primary.stop('immediate')
      await sleep(between(0, 2_000))
      return topology.failOver()
    case 'old primary left':
      return leaveOldPrimary(topology, node, between(2_000, 20_000))
    case 'clock jump':
      return node.turnClock(random() < 0.3 ? 0 : between(-clockMsMax, clockMsMax))
    case 'disk of a node full':
      return node.disk === null ? undefined : fill(node.disk, between(0, 300_000), between(500, 6_000))
    case 'disk of the database full':
      return fillDatabase(random() < 0.5 ? primary : replica, between(0, 4_000_000), between(500, 6_000))
    default:
      return kind satisfies never
  }
}

/** Commits of the primary wait for it meanwhile. */
async function replicaAway(replication: Topology['replication'], ms: number): Promise<void> {
  await replication.cut()
  await sleep(ms)
  await replication.mend()
}

/** The replica takes the place of a primary that runs on, and one of the nodes reaches only the old one. */
async function leaveOldPrimary(topology: Topology, left: TestNode, ms: number): Promise<void> {
  const toReplica = topology.wireTo(topology.replica, left)
  await toReplica.cut()
  await topology.failOver(sleep(ms))
  await toReplica.mend()
}

async function fill(disk: string, leaveBytes: number, ms: number): Promise<void> {
  fillDisk(disk, leaveBytes)
  await sleep(ms)
  emptyDisk(disk)
}

/**
 * A server that cannot even write its log ends, and somebody starts it again once there is room. It may end a moment after
 * that, so it has to answer first.
 */
async function fillDatabase(server: PostgresServer, leaveBytes: number, ms: number): Promise<void> {
  if (server.hasDisk) await fill(server.folder, leaveBytes, ms)
  await until(async () => {
    if (!server.isRunning()) await server.start()
    return server.sql('SELECT 1').then(
      () => true,
      () => false,
    )
  })
}
