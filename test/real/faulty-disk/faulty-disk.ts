// A disk that fails or hangs as a test says, for a server that is a process of its own: faulty-disk.c stands between it and the
// C library.

import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { skipOrFail } from '../../support/server/skip.ts'

type State = 'good' | 'hangs' | 'EIO' | 'ENOSPC'

const source = path.join(import.meta.dirname, 'faulty-disk.c')

export interface FaultyDisk {
  /** The disk of this folder. */
  readonly folder: string
  /** For the process that uses it. */
  readonly env: Readonly<Record<string, string>>
  /** From now on. What hangs goes on, or fails, once it does not hang any more. */
  becomes(state: { readonly writes?: State; readonly syncs?: State }): void
}

/** Undefined where it cannot be compiled. After the test the disk is good again, `finish` is called, and the folder is removed. */
export function faultyDisk(t: TestContext, finish: () => Promise<unknown>): FaultyDisk | undefined {
  if (spawnSync('gcc', ['--version']).status !== 0) {
    skipOrFail(t, 'needs gcc (Debian: apt-get install gcc libc6-dev)')
    return undefined
  }
  const top = mkdtempSync(path.join(tmpdir(), 'mortise-faulty-'))
  const [library, control, folder] = ['disk.so', 'control', 'data'].map((name) => path.join(top, name)) as [
    string,
    string,
    string,
  ]
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-ldl'])
  writeFileSync(control, Buffer.alloc(8))
  const env = { LD_PRELOAD: library, FAULTY_DISK_CONTROL: control, FAULTY_DISK_FOLDER: folder }
  const becomes: FaultyDisk['becomes'] = ({ writes = 'good', syncs = 'good' }) => {
    const file = openSync(control, 'r+')
    writeSync(file, new Int32Array([numberOf(writes), numberOf(syncs)]))
    closeSync(file)
  }
  t.after(async () => {
    becomes({})
    await finish()
    rmSync(top, { recursive: true, force: true })
  })
  return { folder, env, becomes }
}

function numberOf(state: State): number {
  if (state === 'good') return 0
  return state === 'hangs' ? -1 : constants.errno[state]
}
