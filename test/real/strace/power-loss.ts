// What a disk may hold after power was lost, made of the system calls that strace wrote down (-f -y -xx): of some files
// only what was synced before that moment, of others everything that was written until then.

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

interface Call {
  readonly type: 'write' | 'sync' | 'truncate'
  readonly file: string
  readonly offset: number
  readonly bytes: Buffer
  /** Places in the order of all lines: where it was called, and where it had returned. */
  readonly began: number
  readonly ended: number
}

export class PowerLoss {
  readonly #calls: readonly Call[]

  constructor(trace: string) {
    this.#calls = parseTrace(trace).toSorted((a, b) => a.began - b.began)
  }

  /** The moments just after each write of that file was called. */
  momentsOf(name: string): number[] {
    return this.#calls.filter(({ type, file }) => type === 'write' && file === name).map(({ began }) => began)
  }

  /** What a sync brought to the disk before the moment, and nothing else. */
  synced(name: string, moment: number): Buffer {
    return contentOf(this.#calls.filter((call) => call.file === name && this.#isSynced(call, moment)))
  }

  /** The same, and of each later write until the moment its first bytes. */
  torn(name: string, moment: number, bytes: number): Buffer {
    const calls = this.#calls.filter(({ file, began }) => file === name && began <= moment)
    return contentOf(
      calls.map((call) =>
        this.#isSynced(call, moment) ? call : { ...call, bytes: call.bytes.subarray(0, bytes) },
      ),
    )
  }

  /** What was written until the moment, whether it was synced or not. */
  written(name: string, moment: number): Buffer {
    return contentOf(this.#calls.filter(({ file, began }) => file === name && began <= moment))
  }

  #isSynced({ file, ended }: Call, moment: number): boolean {
    return this.#calls.some(
      (sync) => sync.type === 'sync' && sync.file === file && ended < sync.began && sync.ended < moment,
    )
  }
}

/** A folder with these files, closed to others. */
export function layOut(folder: string, files: Readonly<Record<string, Buffer>>): void {
  mkdirSync(folder, { mode: 0o700 })
  for (const [name, bytes] of Object.entries(files))
    if (bytes.length > 0) writeFileSync(path.join(folder, name), bytes, { mode: 0o600 })
}

function contentOf(calls: readonly Call[]): Buffer {
  const sizes = calls.map(({ offset, bytes }) => offset + bytes.length)
  const content = Buffer.alloc(Math.max(0, ...sizes))
  let size = 0
  for (const { type, offset, bytes } of calls) {
    if (type === 'truncate') {
      content.fill(0, offset)
      size = offset
    } else if (type === 'write') {
      bytes.copy(content, offset)
      size = Math.max(size, offset + bytes.length)
    }
  }
  return content.subarray(0, size)
}

const start = /^(\d+) +(pwrite64|write|fsync|fdatasync|ftruncate)\(\d+<([^>]*)>(?:, (.*))?/
const resumed = /^(\d+) +<\.\.\. (?:pwrite64|write|fsync|fdatasync|ftruncate) resumed>/

/** A call that another thread interrupts takes two lines. One that failed did nothing. */
function parseTrace(trace: string): Call[] {
  const calls: Call[] = []
  const unfinished = new Map<string, Call>()
  for (const [place, line] of trace.split('\n').entries()) {
    const thread = resumed.exec(line)?.[1]
    const begun = thread === undefined ? undefined : unfinished.get(thread)
    if (thread !== undefined && begun) {
      unfinished.delete(thread)
      if (!/= -\d/.test(line)) calls.push({ ...begun, ended: place })
    }
    const call = parseCall(line, place)
    if (!call) continue
    const [, caller = ''] = start.exec(line) ?? []
    if (line.includes('<unfinished')) unfinished.set(caller, call)
    else if (!/= -\d/.test(line)) calls.push(call)
  }
  return calls
}

function parseCall(line: string, place: number): Call | undefined {
  const [, , name = '', hexPath = '', rest = ''] = start.exec(line) ?? []
  if (hexPath === '') return undefined
  // The anchor is written under another name first.
  const file = path.basename(fromHex(hexPath).toString()).replace(/\.new$/, '')
  const at = { file, bytes: Buffer.alloc(0), offset: 0, began: place, ended: place }
  if (name === 'fsync' || name === 'fdatasync') return { ...at, type: 'sync' }
  if (name === 'ftruncate') return { ...at, type: 'truncate', offset: Number.parseInt(rest, 10) }
  const [, data, count, offset] = /^"([^"]*)"(?:\.\.\.)?, (\d+)(?:, (\d+))?/.exec(rest) ?? []
  if (data === undefined || offset === undefined) return undefined
  const bytes = fromHex(data)
  if (bytes.length !== Number(count))
    throw new Error(`the trace of ${file} was cut off: strace -s is too small`)
  return { ...at, type: 'write', bytes, offset: Number(offset) }
}

function fromHex(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll('\\x', ''), 'hex')
}
