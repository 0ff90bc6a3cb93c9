// A small file system that a test can fill to the last byte: a tmpfs, mounted by root.

import { spawnSync } from 'node:child_process'
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { skipOrFail } from '../server/skip.ts'

const mib = 1024 * 1024

/** Its folder; `finish` is called before it is unmounted, after the test. Undefined where there can be none. */
export async function mountSmallDisk(
  t: TestContext,
  finish: () => Promise<unknown>,
): Promise<string | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-disk-'))
  const mounted = mountDisk(folder, 64)
  t.after(async () => {
    await finish()
    if (mounted) unmountDisk(folder)
    await rmdir(folder)
  })
  if (mounted) return folder
  skipOrFail(t, 'needs the right to mount a small file system (root, CAP_SYS_ADMIN)')
  return undefined
}

/** Over the folder, which is there. Returns false where that is not allowed. */
export function mountDisk(folder: string, mebibytes: number): boolean {
  const options = `size=${mebibytes}m,mode=0700`
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status === 0
}

export function unmountDisk(folder: string): void {
  spawnSync('umount', [folder])
}

/** Leaves so many bytes. */
export function fillDisk(folder: string, leaveBytes: number): void {
  const file = openSync(path.join(folder, 'ballast'), 'a')
  const free = () => statfsSync(folder).bavail * statfsSync(folder).bsize
  try {
    while (free() > leaveBytes) writeSync(file, Buffer.alloc(Math.min(mib, Math.max(1, free() - leaveBytes))))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    closeSync(file)
  }
}

export function emptyDisk(folder: string): void {
  rmSync(path.join(folder, 'ballast'))
}
