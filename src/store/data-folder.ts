// Names the files beside the database, and refuses to use them unless they are safe: only the user that this process runs as may
// write them and their folder, and none of them is a link. Somebody else who may write the folder can put another database
// in its place; a link leads the process to write into a file that somebody else chose.

import { lstatSync, statSync, type Stats } from 'node:fs'
import path from 'node:path'
import { StoreUnavailable } from '../ports/store.ts'
import { shellWord } from '../text/shell-word.ts'

/** The database itself, what SQLite puts beside it, and what we put there. */
const suffixes = ['', '-wal', '-shm', '-journal', '.lock', '.reserve', '.anchor', '.anchor.new', '.access']

/** The file of the access log (access/access-log.ts). */
export function accessFileOf(file: string): string {
  return `${file}.access`
}

/** A node on PostgreSQL keeps its files under this name, with an ending each. */
export function nodeFileOf(folder: string): string {
  return path.join(path.resolve(folder), 'node')
}

export function nodeAccessFile(folder: string): string {
  return accessFileOf(nodeFileOf(folder))
}

export function anchorFileOf(file: string): string {
  return `${file}.anchor`
}

/** Throws StoreUnavailable, with what to do about it; nothing is changed. */
export function refuseUnsafeFolder(file: string): void {
  const folder = path.dirname(file)
  const found = inspect(folder, statSync)
  if (found) refuseOthers(`the data folder ${folder}`, folder, found)
  for (const suffix of suffixes) refuseUnsafeFile(file + suffix)
}

function refuseUnsafeFile(file: string): void {
  const found = inspect(file, lstatSync)
  if (!found) return
  if (found.isSymbolicLink())
    throw refusal(`${file} is a link, and links are not followed`, 'Put the file itself there.')
  if (!found.isFile()) throw refusal(`${file} is not a file`, 'Move it away.')
  if (found.nlink > 1)
    throw refusal(
      `${file} has another name too (a hard link): two databases would share it`,
      'Copy it, and put the copy in its place.',
    )
  refuseOthers(file, file, found)
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
      `Look whether somebody did, then run: chmod go-w ${shellWord(place)}`,
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
