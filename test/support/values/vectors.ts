// Reads test/vectors: a vector is a text file, made to be read. Lines that begin with # say what it shows, then come
// fields (`expect: one line`, or `expect:` and indented lines), an empty line, and the bytes in hexadecimal, where
// spaces and | mean nothing and # begins a remark. From one vector come many tests, so the ways of damaging it are
// here too.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { filesBelow, root } from '../repository/sources.ts'

export interface Vector {
  readonly name: string
  readonly expect: readonly string[]
  readonly bytes: Buffer
}

export function readVectors(folder: string): Vector[] {
  return filesBelow(`test/vectors/${folder}`, '.txt').map((file) => {
    const lines = readFileSync(path.join(root, file), 'utf8').split('\n')
    const body = lines.indexOf('')
    const hex = lines
      .slice(body)
      .map((line) => line.replace(/#.*$/, ''))
      .join('')
      .replace(/[\s|]/g, '')
    if (!/^([0-9a-f]{2})*$/.test(hex)) throw new Error(`${file}: not hexadecimal`)
    const name = path.basename(file, '.txt')
    return { name, expect: fieldOf('expect', lines.slice(0, body), file), bytes: Buffer.from(hex, 'hex') }
  })
}

/** The bytes cut off at every length, the whole left out. */
export function* cuts(bytes: Buffer): Generator<Buffer> {
  for (let length = 0; length < bytes.length; length++) yield bytes.subarray(0, length)
}

/** Each length field of a well-formed item, and of the items within, raised in turn by each of these. */
export function* raisedLengths(bytes: Buffer): Generator<Buffer> {
  for (const at of lengthFields(bytes, 0, bytes.length)) {
    for (const by of [1, 7, 8, 0x10000, 0xffffff00]) {
      const raised = Buffer.from(bytes)
      raised.writeUInt32BE((bytes.readUInt32BE(at) + by) % 2 ** 32, at)
      yield raised
    }
  }
}

function* lengthFields(bytes: Buffer, start: number, end: number): Generator<number> {
  for (let at = start; at < end;) {
    const length = bytes.readUInt32BE(at + 4)
    yield at + 4
    if (bytes[at + 3] === 1) yield* lengthFields(bytes, at + 8, at + 8 + length)
    at += 8 + Math.ceil(length / 8) * 8
  }
}

function fieldOf(name: string, head: readonly string[], file: string): string[] {
  const at = head.findIndex((line) => line.startsWith(`${name}:`))
  if (at === -1) throw new Error(`${file}: no ${name}`)
  const value = (head[at] ?? '').slice(name.length + 1).trim()
  if (value !== '') return [value]
  const below = head.slice(at + 1)
  const end = below.findIndex((line) => !line.startsWith('  '))
  return (end === -1 ? below : below.slice(0, end)).map((line) => line.slice(2))
}
