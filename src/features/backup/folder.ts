// The folder of a server's own backups: which ones are there, which may go, and a small file beside them with what is known
// of them that they cannot say themselves. It makes none.

import { lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { KeyedMutex } from '../../base/keyed-mutex.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { BackupError } from '../../core/backup/error.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import type { BackupState } from '../../core/backup/state.ts'
import { readManifest } from '../../core/backup/read.ts'
import { partialOf } from '../../core/backup/write.ts'

/** A backup that another node began, and has not written to for so long, is removed. */
export const backupLeftMs = 24 * 3600_000

const suffix = '.backup'
const dayMs = 24 * 3600_000

export interface KeptBackup {
  readonly file: string
  readonly manifest: Manifest
  readonly createdMs: number
  readonly bytes: number
}

export class BackupFolder {
  readonly folder: string
  readonly #serverId: string
  readonly #writer: string
  readonly #clock: Pick<Clock, 'now'>
  /** Names this server, since another one may have, or have had, the same folder. */
  readonly #stateFile: string
  /** Each note goes on from the one before. */
  readonly #noting = new KeyedMutex()
  readonly #known = new Map<string, { readonly mark: string; readonly backup: KeptBackup | null }>()

  /** `writer`: the server, or the node of it that this is. */
  constructor(folder: string, serverId: string, writer: string, clock: Pick<Clock, 'now'>) {
    this.folder = folder
    this.#clock = clock
    this.#serverId = serverId
    this.#writer = writer
    this.#stateFile = path.join(folder, `state-${serverId}.json`)
  }

  /** Makes the folder, and removes what killed runs left in it. */
  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await this.tidy()
  }

  /** Removes what killed runs of this writer left, and long ago those of other nodes of this server, which may be gone. */
  async tidy(): Promise<void> {
    const ending = partialOf(suffix, this.#writer)
    for (const name of await this.#names())
      if (name.endsWith(ending) || (await this.#isLeft(name)))
        await rm(path.join(this.folder, name), { force: true })
  }

  /** A backup that is under way is written to all the time. */
  async #isLeft(name: string): Promise<boolean> {
    if (!name.endsWith('.partial') || !name.includes(`${suffix}.${this.#serverId}`)) return false
    const stats = await lstat(path.join(this.folder, name)).catch(() => null)
    return stats !== null && this.#clock.now() - stats.mtimeMs > backupLeftMs
  }

  fileFor({ id, created }: Pick<Manifest, 'id' | 'created'>): string {
    const time = created.replaceAll(/[-:]|\.\d+/g, '')
    return path.join(this.folder, `mortise-${time}-${id.slice(0, 8)}${suffix}`)
  }

  /** Lists this server's backups, newest first, without the files that cannot be read as backups. */
  async list(): Promise<readonly KeptBackup[]> {
    return (await this.look()).own
  }

  /** Lists the backups of this server and those of other servers, each newest first, without the files that cannot be read as backups. */
  async look(): Promise<{ readonly own: readonly KeptBackup[]; readonly others: readonly KeptBackup[] }> {
    const names = await this.#names()
    const files = new Set(
      names.filter((name) => name.endsWith(suffix)).map((name) => path.join(this.folder, name)),
    )
    for (const file of this.#known.keys()) if (!files.has(file)) this.#known.delete(file)
    const backups: KeptBackup[] = []
    // One after the other: on a disk that does not answer each would hold a thread.
    for (const file of files) {
      const backup = await this.#read(file)
      if (backup) backups.push(backup)
    }
    backups.sort((a, b) => b.createdMs - a.createdMs)
    const isOwn = ({ manifest }: KeptBackup) => manifest.serverId === this.#serverId
    return { own: backups.filter(isOwn), others: backups.filter((backup) => !isOwn(backup)) }
  }

  /**
   * Removes backups beyond the newest `keepLast` and the newest of each of the last `keepDaily` days that have one, never
   * `made`: after the clock was set back it looks older than others.
   */
  async prune(keep: { readonly keepLast: number; readonly keepDaily: number }, made: string): Promise<void> {
    for (const { file } of expired(await this.list(), keep.keepLast, keep.keepDaily))
      if (file !== made) await rm(file, { force: true })
  }

  async state(): Promise<BackupState> {
    try {
      return JSON.parse(await readFile(this.#stateFile, 'utf8')) as BackupState
    } catch {
      // Not there yet, or damaged: then less is known, and the next backup makes it known again.
      return {}
    }
  }

  /** A reader sees the old state or the new one. */
  note(more: BackupState): Promise<void> {
    return this.#noting.run(this.#stateFile, () => this.#note(more))
  }

  async #note(more: BackupState): Promise<void> {
    const file = this.#stateFile
    const text = JSON.stringify({ ...(await this.state()), ...more })
    const partial = partialOf(file, this.#writer)
    await rm(partial, { force: true })
    const handle = await open(partial, 'wx', 0o600)
    try {
      await handle.writeFile(`${text}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(partial, file)
  }

  /** The files' names; none without the folder, which the first backup makes. */
  #names(): Promise<readonly string[]> {
    return readdir(this.folder).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
      throw error
    })
  }

  async #read(file: string): Promise<KeptBackup | null> {
    const stats = await lstat(file).catch(() => null)
    if (!stats?.isFile()) return null
    const mark = `${stats.ino} ${stats.size} ${stats.mtimeMs}`
    const known = this.#known.get(file)
    if (known?.mark === mark) return known.backup
    const backup = await readManifest(file).then(
      (manifest): KeptBackup => {
        return { file, manifest, createdMs: Date.parse(manifest.created), bytes: stats.size }
      },
      (error: unknown) => {
        if (error instanceof BackupError) return null
        throw error
      },
    )
    this.#known.set(file, { mark, backup })
    return backup
  }
}

/** `backups`: newest first. The newest one never is. */
export function expired<B extends { readonly createdMs: number }>(
  backups: readonly B[],
  keepLast: number,
  keepDaily: number,
): readonly B[] {
  const newestOfDays = new Map<number, B>()
  for (const backup of backups) {
    const day = Math.floor(backup.createdMs / dayMs)
    if (!newestOfDays.has(day)) newestOfDays.set(day, backup)
  }
  const daily = new Set([...newestOfDays.values()].slice(0, keepDaily))
  return backups.filter((backup, index) => index >= Math.max(1, keepLast) && !daily.has(backup))
}

export function objectsOf({ instances }: Manifest): Readonly<Record<string, number>> {
  return Object.fromEntries(instances.map(({ id, objects }) => [id, objects]))
}
