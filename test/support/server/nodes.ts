// Two nodes on one PostgreSQL: whole servers as processes of their own, each with a data folder, a name, and a wire to the
// database that can be cut. Clocks can be turned and disks filled where a test asks for that.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from './free-port.ts'
import type { PostgresServer } from '../postgresql/server.ts'
import { openWire, type Target, type Wire } from '../clients/proxy.ts'
import { startServer, type StartOptions, type TestServer } from './server.ts'
import { mountDisk, unmountDisk } from '../store/small-disk.ts'

const turnedClock = new URL('../time/turned-clock.ts', import.meta.url).href

export type NodeName = 'one' | 'two'

export interface Nodes extends AsyncDisposable {
  readonly folder: string
  readonly one: TestNode
  readonly two: TestNode
  readonly both: readonly [TestNode, TestNode]
}

interface NodesOptions extends Pick<StartOptions, 'env' | 'command'> {
  /** Where the servers of the database are, a wire of each node to each. A test may turn one elsewhere. */
  readonly targets?: readonly Target[]
  /** See TestNode.turnClock. */
  readonly clocks?: 'turnable'
  /** Each data folder is on a disk of its own of so many MiB, if that is allowed. */
  readonly diskMebibytes?: number
}

/** `one` is started first and makes the database; `two` gets its root key and its token. */
export async function startNodes(
  database: Pick<PostgresServer, 'newDatabase' | 'port'>,
  { targets = [{ host: '127.0.0.1', port: database.port }], ...options }: NodesOptions = {},
): Promise<Nodes> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-nodes-'))
  const databaseName = path.basename(await database.newDatabase())
  const [one, two] = await Promise.all(
    (['one', 'two'] as const).map(async (name) => {
      const wires = await Promise.all(targets.map(openWire))
      return new TestNode({ name, wires, databaseName, folder, ...options })
    }),
  )
  if (!one || !two) throw new Error('two nodes were to be made')
  await using opened = new AsyncDisposableStack()
  opened.defer(async () => {
    for (const node of [one, two]) await node.end()
    rmSync(folder, { recursive: true, force: true })
  })
  await one.start()
  mkdirSync(two.data, { mode: 0o700, recursive: true })
  for (const name of ['root.key', 'admin-token'])
    copyFileSync(path.join(one.data, name), path.join(two.data, name))
  await two.start()
  const ended = opened.move()
  return { folder, one, two, both: [one, two], [Symbol.asyncDispose]: () => ended.disposeAsync() }
}

interface NodePlace extends Omit<NodesOptions, 'targets'> {
  readonly name: NodeName
  readonly folder: string
  readonly wires: readonly Wire[]
  readonly databaseName: string
}

export class TestNode {
  readonly name: NodeName
  readonly data: string
  /** Between the node and each server of the database. */
  readonly wires: readonly Wire[]
  /** Left out of a start: what the last start had. */
  command: StartOptions['command']
  /** The folder of the node's own disk; null: it has none. */
  readonly disk: string | null
  readonly #place: NodePlace
  #server: TestServer | undefined
  #port = 0

  constructor(place: NodePlace) {
    const { name, folder, wires, command, diskMebibytes, clocks } = place
    this.#place = place
    this.name = name
    this.wires = wires
    this.command = command
    const own = path.join(folder, name)
    mkdirSync(own, { mode: 0o700 })
    this.disk = diskMebibytes !== undefined && mountDisk(own, diskMebibytes) ? own : null
    this.data = path.join(own, 'data')
    if (clocks) this.#setClock(0)
  }

  /** The only one, or that to the first server. */
  get wire(): Wire {
    const [first] = this.wires
    if (!first) throw new Error('a node has a wire')
    return first
  }

  /** The one that runs, or ran last. */
  get server(): TestServer {
    if (!this.#server) throw new Error(`the node ${this.name} was not started`)
    return this.#server
  }

  /** Starts it, on the port that it had before. */
  async start(): Promise<TestServer> {
    const { wires, databaseName, env, clocks } = this.#place
    this.#port ||= await freePort()
    const hosts = wires.map(({ port }) => `127.0.0.1:${port}`).join(',')
    this.#server = await startServer({
      data: this.data,
      args: ['--kmip', `127.0.0.1:${this.#port}`],
      env: {
        ...env,
        MORTISE_STORE: `postgres://mortise@${hosts}/${databaseName}`,
        MORTISE_NODE: this.name,
        ...(clocks && { NODE_OPTIONS: `--import ${turnedClock}`, MORTISE_TEST_CLOCK: this.#clockFile }),
      },
      ...(this.command && { command: this.command }),
    })
    return this.#server
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return this.server.kill()
  }

  /** SIGSTOP: it does nothing until `wake`, and does not notice. */
  pause(): void {
    this.server.process.kill('SIGSTOP')
  }

  wake(): void {
    this.server.process.kill('SIGCONT')
  }

  /** Turns the wall clock of the node's machine so far away from this one's, at once. Needs `clocks`. */
  turnClock(aheadMs: number): void {
    this.#setClock(aheadMs)
    this.server.process.kill('SIGUSR2')
  }

  async end(): Promise<void> {
    await this.#server?.kill()
    for (const wire of this.wires) await wire[Symbol.asyncDispose]()
    if (this.disk !== null) unmountDisk(this.disk)
  }

  get #clockFile(): string {
    return path.join(this.#place.folder, `${this.name}.clock`)
  }

  #setClock(aheadMs: number): void {
    writeFileSync(this.#clockFile, String(Math.round(aheadMs)))
  }
}
