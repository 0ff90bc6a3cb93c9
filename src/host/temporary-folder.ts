// A temporary folder that goes with the process. A lock in it says whether a process still uses it, so the next process that
// asks for one with the same prefix removes what a killed one left.

import { existsSync } from 'node:fs'
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { takeLock } from '../outside/store/sqlite/file.ts'

const lockName = 'in-use.lock'
/** Another process that removes folders that were left may hold the lock of a new one for a moment, and remove it. */
const attempts = 5

export interface TemporaryFolder extends AsyncDisposable {
  readonly folder: string
}

/** Makes a folder that only this user may enter. Disposing removes it. */
export async function openTemporaryFolder(prefix: string, parent = tmpdir()): Promise<TemporaryFolder> {
  await removeLeftFolders(parent, prefix)
  const { folder, lock } = await lockedFolder(path.join(parent, prefix))
  return {
    folder,
    [Symbol.asyncDispose]: async () => {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
      lock.close()
    },
  }
}

type Lock = ReturnType<typeof takeLock>

async function lockedFolder(start: string): Promise<{ readonly folder: string; readonly lock: Lock }> {
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(start)
    try {
      const lock = takeLock(path.join(folder, lockName))
      if (existsSync(path.join(folder, lockName))) return { folder, lock }
      lock.close()
    } catch (error) {
      if (attempt < attempts) continue
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }
}

/** Removes each folder whose lock is free: a process that was killed left it. A link, or a folder of another user, stays. */
async function removeLeftFolders(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue
    const folder = path.join(parent, name)
    const stats = await lstat(folder).catch(() => null)
    if (!stats?.isDirectory() || stats.uid !== process.getuid?.()) continue
    const lock = lockOf(folder)
    if (!lock) continue
    await rm(folder, { recursive: true, force: true }).catch(() => undefined)
    lock.close()
  }
}

/** Undefined: a process has it, or the folder has gone meanwhile. */
function lockOf(folder: string): Lock | undefined {
  try {
    return takeLock(path.join(folder, lockName))
  } catch {
    return undefined
  }
}
