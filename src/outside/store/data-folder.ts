// Names the files beside the database, and refuses to use them unless they are safe: only the user of this process may write them
// and their folder, and none of them is a link. Another user who may write the folder could replace the database. A link would
// lead the process to write into a file of that user's choice.

import { accessSync, constants, lstatSync, readFileSync, statSync, type Stats } from 'node:fs'
import path from 'node:path'
import { StoreUnavailable } from '../../core/ports/store.ts'
import { shellWord } from '../../base/text/shell-word.ts'

/** The endings of the database itself, of the files that SQLite puts beside it, and of those that this store puts there. */
const suffixes = ['', '-wal', '-shm', '-journal', '.lock', '.reserve', '.anchor', '.anchor.new', '.access']

/** The file of the access log (access/access-log.ts). */
export function accessFileOf(file: string): string {
  return `${file}.access`
}

/** A node on PostgreSQL keeps its files under this name, each with its own ending. */
export function nodeFileOf(folder: string): string {
  return path.join(path.resolve(folder), 'node')
}

export function nodeAccessFile(folder: string): string {
  return accessFileOf(nodeFileOf(folder))
}

export function anchorFileOf(file: string): string {
  return `${file}.anchor`
}

/** Throws StoreUnavailable, which says what to do. Changes nothing. */
export function refuseUnsafeFolder(file: string): void {
  const folder = path.dirname(file)
  const stats = inspect(folder, statSync)
  if (stats) refuseForeignFolder(folder, stats)
  for (const suffix of suffixes) refuseUnsafeFile(file + suffix)
}

function refuseForeignFolder(folder: string, stats: Stats): void {
  const name = `the data folder ${folder}`
  // The owner could not read files that root writes there, so the message does not advise root to take the folder over.
  if (process.geteuid?.() === 0 && stats.uid !== 0)
    throw refusal(
      `${name} belongs to another user (uid ${stats.uid}) than the one that this process runs as (root)`,
      `Give the command as that user: runuser -u ${userName(stats.uid) ?? 'USER'} -- COMMAND`,
    )
  refuseOthers(name, folder, stats)
  const why = unwritable(folder)
  if (why !== null)
    throw refusal(
      `${name} ${why.text}`,
      why.isMount ? 'Mount it for writing.' : `Run: chmod u+rwx ${shellWord(folder)}`,
    )
}

/**
 * The error for a data folder that mkdir could not make. For a file system that is mounted read-only, mkdir's own error misleads:
 * it is ENOENT.
 */
export function cannotMakeFolder(folder: string, cause: unknown): StoreUnavailable {
  let parent = path.dirname(path.resolve(folder))
  while (!inspect(parent, statSync)) parent = path.dirname(parent)
  const why = unwritable(parent)
  return refusal(
    `the data folder ${folder} cannot be made: ${why === null ? String(cause) : `${parent} ${why.text}`}`,
    'Make it as root, owned by the user of the server and with the mode 0700, or name another one: --data DIR',
  )
}

/** Why this process cannot write the folder; null: it can. */
function unwritable(folder: string): { readonly text: string; readonly isMount: boolean } | null {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    const isMount = error instanceof Error && 'code' in error && error.code === 'EROFS'
    const text = isMount
      ? 'is on a file system that is mounted read-only'
      : 'may not be written by the user of this process'
    return { text, isMount }
  }
}

/** undefined: this machine has no name for the user. */
function userName(uid: number): string | undefined {
  try {
    const users = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
    return users.find(([, , id]) => id === String(uid))?.[0]
  } catch {
    return undefined
  }
}

function refuseUnsafeFile(file: string): void {
  const stats = inspect(file, lstatSync)
  if (!stats) return
  if (stats.isSymbolicLink())
    throw refusal(`${file} is a link, and links are not followed`, 'Put the file itself there.')
  if (!stats.isFile()) throw refusal(`${file} is not a file`, 'Move it away.')
  if (stats.nlink > 1)
    throw refusal(
      `${file} has another name too (a hard link): two databases would share it`,
      'Copy it, and put the copy in its place.',
    )
  refuseOthers(file, file, stats)
}

function refuseOthers(name: string, place: string, { uid, mode }: Stats): void {
  const own = process.geteuid?.()
  if (own !== undefined && uid !== own)
    throw refusal(
      `${name} belongs to another user (uid ${uid}) than the one that this process runs as (uid ${own})`,
      `Run it as that user, or give it away: chown -R ${own} ${shellWord(place)}`,
    )
  if ((mode & 0o022) !== 0)
    throw refusal(
      `others may write ${name} (mode ${(mode & 0o7777).toString(8).padStart(4, '0')})`,
      `Check whether they did, then run: chmod go-w ${shellWord(place)}`,
    )
}

function inspect(file: string, stat: typeof lstatSync): Stats | undefined {
  try {
    return stat(file, { throwIfNoEntry: false })
  } catch (cause) {
    throw new StoreUnavailable('unavailable', `look at ${file}: ${String(cause)}`, { cause })
  }
}

function refusal(what: string, remedy: string): StoreUnavailable {
  return new StoreUnavailable('unavailable', `${what}. Nothing was changed. ${remedy}`)
}
