// Tells what an error of node:sqlite means to the store. Codes: https://sqlite.org/rescode.html

const primary = {
  busy: 5,
  locked: 6,
  noMemory: 7,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notDatabase: 26,
}
const extended = { fsync: 1034, folderFsync: 1290, shmSize: 4874 }

export type SqliteTrouble = 'full' | 'busy' | 'damaged' | 'fsync' | 'io' | null

/** null: neither the disk nor another program caused the error, so it is a bug. */
export function sqliteTrouble(error: unknown): SqliteTrouble {
  const code = sqliteCode(error)
  if (code === null) return null
  if (code === extended.fsync || code === extended.folderFsync) return 'fsync'
  if (code === extended.shmSize) return 'full'
  switch (code & 0xff) {
    case primary.full:
      return 'full'
    case primary.busy:
    case primary.locked:
      return 'busy'
    case primary.corrupt:
    case primary.notDatabase:
      return 'damaged'
    case primary.io:
    case primary.noMemory:
    case primary.cannotOpen:
      return 'io'
    default:
      return null
  }
}

/** For people: SQLite's own words. */
export function sqliteText(error: unknown): string {
  const code = sqliteCode(error)
  const message = error instanceof Error ? error.message : String(error)
  return code === null ? message : `SQLite ${code}: ${message}`
}

function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null
  return typeof error.errcode === 'number' ? error.errcode : null
}
