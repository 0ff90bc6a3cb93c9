// Two nodes on a primary and its synchronous replica (docs/deploy.md), with a wire in every place: from each node to each of the two
// servers, and between these. A replica can take the primary's place, and then gets a replica of its own.

import { startNodes, type Nodes, type TestNode } from '../server/nodes.ts'
import { startPostgres, type PostgresServer } from '../postgresql/server.ts'
import { setConfirming } from '../postgresql/pair.ts'
import { until } from '../time/until.ts'
import { openWire, type Wire } from '../clients/proxy.ts'
import type { TestContext } from 'node:test'

export interface TopologyOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The machines' clocks can be turned, and their disks be filled: see server/nodes.ts and postgresql/server.ts. */
  readonly faults?: 'clocks and disks'
}

const nodeDiskMebibytes = 64
const databaseDiskMebibytes = 2_000
const replicaName = 'r1'

/** A test's machine of the database, which another server may take over. */
interface Target {
  readonly host: string
  port: number
}

export class Topology implements AsyncDisposable {
  readonly nodes: Nodes
  primary: PostgresServer
  replica: PostgresServer
  /** Between the replica and its primary. */
  replication: Wire
  /** Each stands for a machine of the database; the nodes' wires lead there in this order. */
  readonly #targets: readonly Target[]
  #opened: AsyncDisposableStack | undefined

  private constructor(
    nodes: Nodes,
    targets: readonly Target[],
    { primary, replica, replication }: Pick<Topology, 'primary' | 'replica' | 'replication'>,
  ) {
    this.nodes = nodes
    this.#targets = targets
    this.primary = primary
    this.replica = replica
    this.replication = replication
  }

  /** Undefined where PostgreSQL is not installed: the test is skipped then. */
  static async start(
    t: Pick<TestContext, 'skip'>,
    { env = {}, faults }: TopologyOptions = {},
  ): Promise<Topology | undefined> {
    const settings = { wal_sender_timeout: '3s', max_wal_size: '256MB' }
    const primary = await startPostgres(t, settings, faults && { diskMebibytes: databaseDiskMebibytes })
    if (!primary) return undefined
    await using opened = new AsyncDisposableStack()
    const servers = { primary, ...(await follow(primary)) }
    const targets = [primary, servers.replica].map(({ port }) => ({ host: '127.0.0.1', port }))
    const turned = faults && { clocks: 'turnable' as const, diskMebibytes: nodeDiskMebibytes }
    const nodes = await startNodes(primary, { targets, env, ...turned })
    const topology = new Topology(nodes, targets, servers)
    opened.defer(async () => {
      await topology.replication[Symbol.asyncDispose]()
      await topology.replica.remove()
      await topology.primary.remove()
    })
    opened.use(nodes)
    topology.#opened = opened.move()
    return topology
  }

  /** The wire of a node to this server. */
  wireTo(server: PostgresServer, node: TestNode): Wire {
    const wire = node.wires[this.#indexOf(server)]
    if (!wire) throw new Error('there is a wire to each server')
    return wire
  }

  /** The replica takes the primary's place, and gets a replica of its own. The old primary runs until `ended`, if it runs. */
  async failOver(ended: Promise<unknown> = Promise.resolve()): Promise<void> {
    const [old, wire] = [this.primary, this.replication]
    await wire.cut()
    await this.replica.promote()
    await ended
    const index = this.#indexOf(old)
    await old.remove()
    this.primary = this.replica
    const made = await follow(this.primary)
    this.replica = made.replica
    this.replication = made.replication
    const target = this.#targets[index]
    if (target) target.port = made.replica.port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.disposeAsync()
  }

  #indexOf({ port }: PostgresServer): number {
    return this.#targets.findIndex((target) => target.port === port)
  }
}

/** A replica that streams, and must confirm each commit of the primary. It wants the same once it is the primary. */
async function follow(
  primary: PostgresServer,
): Promise<{ readonly replica: PostgresServer; readonly replication: Wire }> {
  const replication = await openWire({ host: '127.0.0.1', port: primary.port })
  const replica = await primary.replica(replicaName, replication.port)
  const streams = `SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'`
  await until(async () => (await primary.sql(streams)).rowCount === 1)
  for (const server of [primary, replica]) await setConfirming(server, `FIRST 1 (${replicaName})`)
  return { replica, replication }
}
