// Counts the blocks of code that a run reached, as V8 tells them apart: the ways between branches, the nearest that it has to the
// edges of native fuzzers. Counting begins before the code is loaded.

import { readFileSync } from 'node:fs'
import { Session, type Profiler } from 'node:inspector/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const source = path.resolve(import.meta.dirname, '../../../src')

export interface Blocks {
  /** The folder of src/ that they are in. */
  readonly room: string
  readonly reached: number
  /** The lines of each file where blocks begin that were never reached. */
  readonly never: ReadonlyMap<string, readonly number[]>
}

export class BlockCounter implements Disposable {
  readonly #session = new Session()

  async start(): Promise<void> {
    this.#session.connect()
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** By room, those that were loaded. */
  async count(rooms: readonly string[]): Promise<readonly Blocks[]> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    return rooms.map((room) => {
      const scripts = result.filter(({ url }) => url.startsWith('file:') && isIn(room, fileURLToPath(url)))
      const files = scripts.map(blocksOf)
      return {
        room,
        reached: files.reduce((sum, { reached }) => sum + reached, 0),
        never: new Map(files.filter(({ never }) => never.length > 0).map(({ file, never }) => [file, never])),
      }
    })
  }

  [Symbol.dispose](): void {
    this.#session.disconnect()
  }
}

function isIn(room: string, file: string): boolean {
  return file.startsWith(path.join(source, room) + path.sep)
}

function blocksOf({ url, functions }: Profiler.ScriptCoverage) {
  const text = readFileSync(fileURLToPath(url), 'utf8')
  const ranges = functions.flatMap((one) => one.ranges)
  // Types are blanked out, not removed, so a place in what ran is the same place in the file.
  const never = ranges
    .filter(({ count }) => count === 0)
    .map(({ startOffset }) => text.slice(0, startOffset).split('\n').length)
    .toSorted((a, b) => a - b)
  return { file: path.relative(source, fileURLToPath(url)), reached: ranges.length - never.length, never }
}
