// Debian's PostgreSQL as a process of the test: in a folder of its own, on a free port of the loopback address and a socket in
// that folder. It refuses to run as root, so root's tests run it as another user.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client, type QueryResult } from 'pg'
import { freePort } from '../server/free-port.ts'
import { skipOrFail } from '../server/skip.ts'
import { mountDisk, unmountDisk } from '../store/small-disk.ts'
import type { TestContext } from 'node:test'

export interface PostgresServer {
  readonly port: number
  readonly folder: string
  /** postgres://mortise@127.0.0.1:PORT/DATABASE of a new, empty database. */
  newDatabase(): Promise<string>
  dropDatabase(url: string): Promise<void>
  /** The database as SQL that psql takes. */
  dump(database: string): string
  /** Runs what `dump` made in a database. */
  load(database: string, file: string): void
  /** As the superuser, in a database of the server. */
  sql(text: string, database?: string): Promise<QueryResult>
  start(): Promise<void>
  /** A replica that follows it by this name, through `port` (of a proxy) or directly; started. */
  replica(name: string, port?: number): Promise<PostgresServer>
  /** Has a replica take the primary's place. */
  promote(): Promise<void>
  /** Stops all of its processes where they are; `resume` lets them go on. */
  pause(): void
  resume(): void
  /** `immediate`: as when the machine fails. */
  stop(how?: 'fast' | 'immediate'): Promise<void>
  /** Stops it for good. */
  remove(): Promise<void>
  /** Its folder is on a disk of its own. */
  readonly hasDisk: boolean
  isRunning(): boolean
}

interface PostgresOptions {
  /** Puts its folder on a disk of its own of so many MiB, if that is allowed: see small-disk.ts. */
  readonly diskMebibytes?: number
}

const root = '/usr/lib/postgresql'

/** The folder of the newest version's programs; undefined if none is installed. */
function programs(): string | undefined {
  if (!existsSync(root)) return undefined
  const versions = readdirSync(root).toSorted((a, b) => Number(b) - Number(a))
  return versions
    .map((version) => path.join(root, version, 'bin'))
    .find((bin) => existsSync(path.join(bin, 'initdb')))
}

/** Undefined where PostgreSQL is not installed: the test is skipped then. Stopped by `stop` or at the end of the process. */
export async function startPostgres(
  t: Pick<TestContext, 'skip'>,
  settings: Readonly<Record<string, string>> = {},
  options: PostgresOptions = {},
): Promise<PostgresServer | undefined> {
  const bin = programs()
  if (bin === undefined) {
    skipOrFail(t as TestContext, 'needs PostgreSQL (Debian: postgresql)')
    return undefined
  }
  const server = new Postgres(bin, await freePort(), { ...options, settings })
  await server.start()
  return server
}

interface Made extends PostgresOptions {
  readonly settings: Readonly<Record<string, string>>
  /** The port of the server whose replica it is; left out: it is a new, empty one. */
  readonly primaryPort?: number
}

class Postgres implements PostgresServer {
  readonly port: number
  readonly folder: string
  readonly #bin: string
  readonly #made: Made
  readonly hasDisk: boolean
  readonly #user: { readonly uid: number; readonly gid: number } | object
  #process: ChildProcess | undefined
  #databases = 0

  constructor(bin: string, port: number, made: Made) {
    const { primaryPort, diskMebibytes } = made
    this.#bin = bin
    this.port = port
    this.#made = made
    this.#user = otherUser()
    this.folder = mkdtempSync(path.join(tmpdir(), 'mortise-pg-'))
    this.hasDisk = diskMebibytes !== undefined && mountDisk(this.folder, diskMebibytes)
    const socket = path.join(this.folder, 'socket')
    mkdirSync(socket)
    if ('uid' in this.#user)
      for (const owned of [this.folder, socket]) chownSync(owned, this.#user.uid, this.#user.gid)
    if (primaryPort !== undefined) {
      this.#run('pg_basebackup', [
        '-h',
        '127.0.0.1',
        '-p',
        String(primaryPort),
        '-U',
        'postgres',
        '-D',
        this.#data,
        '-c',
        'fast',
        '--no-sync',
      ])
      writeFileSync(path.join(this.#data, 'standby.signal'), '')
      this.#databases = 1
    } else {
      const how = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']
      this.#run('initdb', ['-D', this.#data, ...how])
    }
    process.once('exit', this.#leave)
  }

  readonly #leave = (): void => {
    this.resume()
    this.#process?.kill('SIGKILL')
    if (this.hasDisk) unmountDisk(this.folder)
    rmSync(this.folder, { recursive: true, force: true })
  }

  async remove(): Promise<void> {
    await this.stop('immediate')
    process.off('exit', this.#leave)
    this.#leave()
  }

  #run(program: string, args: readonly string[], input?: string): string {
    const options = { ...this.#user, cwd: this.folder, encoding: 'utf8', maxBuffer: 2 ** 26, input } as const
    const ran = spawnSync(path.join(this.#bin, program), args, options)
    if (ran.status !== 0) throw new Error(`${program}: ${ran.stderr}`)
    return ran.stdout
  }

  get #data(): string {
    return path.join(this.folder, 'data')
  }

  async start(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: path.join(this.folder, 'socket'),
      port: String(this.port),
      ...this.#made.settings,
    }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const started = spawn(path.join(this.#bin, 'postgres'), ['-D', this.#data, ...args], {
      ...this.#user,
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = started
    let said = ''
    const ready = Promise.withResolvers<void>()
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-10_000)
      if (/ready to accept (?:read-only )?connections/.test(said)) ready.resolve()
    })
    started.once('exit', () => ready.reject(new Error(`postgres ended: ${said}`)))
    await ready.promise
    if (this.#databases === 0) await this.sql('CREATE ROLE mortise LOGIN').catch(() => undefined)
  }

  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    this.resume()
    const running = this.isRunning() ? this.#process : undefined
    this.#process = undefined
    if (!running) return
    const ended = once(running, 'exit')
    running.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await ended
  }

  async replica(name: string, port = this.port): Promise<PostgresServer> {
    const settings = {
      ...this.#made.settings,
      primary_conninfo: `host=127.0.0.1 port=${port} user=postgres application_name=${name}`,
    }
    const made = new Postgres(this.#bin, await freePort(), {
      ...this.#made,
      settings,
      primaryPort: this.port,
    })
    await made.start()
    return made
  }

  async promote(): Promise<void> {
    await this.sql('SELECT pg_promote(true, 30)')
  }

  isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
  }

  pause(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  /** The postmaster first, so that it starts no other process meanwhile. One of a connection that was closed may end just now. */
  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const pid = this.#process?.pid
    if (pid === undefined || !this.isRunning()) return
    process.kill(pid, signal)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    for (const child of children)
      try {
        process.kill(Number(child), signal)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
  }

  async newDatabase(): Promise<string> {
    const name = `mortise_${++this.#databases}`
    await this.sql(`CREATE DATABASE ${name} OWNER mortise TEMPLATE template0`)
    return `postgres://mortise@127.0.0.1:${this.port}/${name}`
  }

  async dropDatabase(url: string): Promise<void> {
    await this.sql(`DROP DATABASE ${path.basename(url)} WITH (FORCE)`)
  }

  dump(database: string): string {
    const text = this.#run('pg_dump', [
      ...this.#address('postgres'),
      '--no-owner',
      '--no-privileges',
      database,
    ])
    // Newer programs of PostgreSQL frame a dump in commands that older ones do not know.
    return text.replaceAll(/^\\\\(un)?restrict .*\n/gm, '')
  }

  load(database: string, file: string): void {
    const how = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', database]
    this.#run('psql', [...this.#address('mortise'), ...how], readFileSync(file, 'utf8'))
  }

  #address(user: string): readonly string[] {
    return ['-h', '127.0.0.1', '-p', String(this.port), '-U', user]
  }

  async sql(text: string, database = 'postgres'): Promise<QueryResult> {
    // What a test has the server do waits for no replica, else one failure would have the next test wait for ever.
    const options = '-c synchronous_commit=local'
    const client = new Client({ host: '127.0.0.1', port: this.port, user: 'postgres', database, options })
    await client.connect()
    try {
      return await client.query(text)
    } finally {
      await client.end()
    }
  }
}

/** For root: a user that is nobody else; otherwise the own one. */
function otherUser(): { uid: number; gid: number } | object {
  if (process.geteuid?.() !== 0) return {}
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const entry = ['postgres', 'nobody'].map((name) => entries.find(([user]) => user === name)).find(Boolean)
  return { uid: Number(entry?.[2]), gid: Number(entry?.[3]) }
}
