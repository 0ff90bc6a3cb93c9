// Two nodes on one PostgreSQL: whole servers as processes of their own, each with a data folder, a name, and a wire to the
// database that can be cut.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { PostgresServer } from './postgresql.ts'
import { openWire, type Wire } from './proxy.ts'
import { startServer, type StartOptions, type TestServer } from './server.ts'

export type NodeName = 'one' | 'two'

export interface Nodes extends AsyncDisposable {
  readonly folder: string
  readonly one: TestNode
  readonly two: TestNode
  readonly both: readonly [TestNode, TestNode]
}

/** `one` is started first and makes the database; `two` gets its root key and its token. */
export async function startNodes(
  database: PostgresServer,
  options: Pick<StartOptions, 'env' | 'command'> = {},
): Promise<Nodes> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-nodes-'))
  const url = await database.newDatabase()
  const [one, two] = await Promise.all(
    (['one', 'two'] as const).map(async (name) => {
      const wire = await openWire({ host: '127.0.0.1', port: database.port })
      return new TestNode({ name, wire, url, data: path.join(folder, name), ...options })
    }),
  )
  if (!one || !two) throw new Error('two nodes were to be made')
  await using opened = new AsyncDisposableStack()
  opened.defer(async () => {
    for (const node of [one, two]) await node.end()
    rmSync(folder, { recursive: true, force: true })
  })
  await one.start()
  mkdirSync(two.data, { mode: 0o700 })
  for (const name of ['root.key', 'admin-token'])
    copyFileSync(path.join(one.data, name), path.join(two.data, name))
  await two.start()
  const ended = opened.move()
  return { folder, one, two, both: [one, two], [Symbol.asyncDispose]: () => ended.disposeAsync() }
}

interface NodePlace extends Pick<StartOptions, 'env' | 'command'> {
  readonly name: NodeName
  readonly data: string
  readonly wire: Wire
  /** Of the database, past the wire. */
  readonly url: string
}

export class TestNode {
  readonly name: NodeName
  readonly data: string
  /** Between the node and the database. */
  readonly wire: Wire
  /** Left out of a start: what the last start had. */
  command: StartOptions['command']
  readonly #place: NodePlace
  #server: TestServer | undefined
  #port = 0

  constructor(place: NodePlace) {
    this.#place = place
    this.name = place.name
    this.data = place.data
    this.wire = place.wire
    this.command = place.command
  }

  /** The one that runs, or ran last. */
  get server(): TestServer {
    if (!this.#server) throw new Error(`the node ${this.name} was not started`)
    return this.#server
  }

  /** Starts it, on the port that it had before. */
  async start(): Promise<TestServer> {
    const { url, wire, env } = this.#place
    const through = new URL(url)
    through.port = String(wire.port)
    this.#server = await startServer({
      data: this.data,
      args: this.#port === 0 ? [] : ['--kmip', `127.0.0.1:${this.#port}`],
      env: { ...env, MORTISE_STORE: through.href, MORTISE_NODE: this.name },
      ...(this.command && { command: this.command }),
    })
    this.#port = this.#server.kmip.port
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

  async end(): Promise<void> {
    await this.#server?.kill()
    await this.wire[Symbol.asyncDispose]()
  }
}
