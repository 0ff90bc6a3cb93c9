// Several tests for each vector: decoded, encoded, cut at every length, with each length field raised. The vectors in
// test/vectors/ttlv are ours; the specification's own examples are tested if they are available.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { decode } from '../../../src/wire/ttlv/decode.ts'
import { encode } from '../../../src/wire/ttlv/encode.ts'
import { TtlvError } from '../../../src/wire/ttlv/error.ts'
import { any } from '../../../src/wire/ttlv/schema.ts'
import { showItem } from './show-item.ts'
import { root } from '../../support/repository/sources.ts'
import { cuts, raisedLengths, readVectors } from '../../support/values/vectors.ts'

const options = (bytes: Buffer) => ({ tag: bytes.length < 3 ? 0 : bytes.readUIntBE(0, 3), version: 1 })
const read = (bytes: Buffer) => decode(any, bytes, options(bytes))

const refusals = (code: string) => (error: unknown) =>
  error instanceof TtlvError && (code === '' || error.code === code)

for (const { name, expect, bytes } of readVectors('ttlv')) {
  const [first = ''] = expect
  if (first.startsWith('error ')) {
    test(`ttlv/${name}: refused as ${first.slice(6)}`, () => {
      assert.throws(() => read(bytes), refusals(first.slice(6)))
    })
    continue
  }
  test(`ttlv/${name}: what it means, and the same bytes again`, () => {
    assert.deepEqual(showItem(bytes), expect)
    assert.deepEqual(encode(any, read(bytes), options(bytes)), bytes)
  })
  test(`ttlv/${name}: cut at every length, each length field raised`, () => {
    for (const cut of cuts(bytes)) assert.throws(() => read(cut), refusals(''), `${cut.length} bytes`)
    for (const raised of raisedLengths(bytes)) {
      assert.ok(isRefused(raised) || isLonger(raised), raised.toString('hex'))
    }
  })
}

function isRefused(bytes: Buffer): boolean {
  try {
    read(bytes)
    return false
  } catch (error) {
    if (error instanceof TtlvError && error.code === 'malformed') return true
    throw error
  }
}

/** A text or byte string may take its own padding as value: a different, but valid value. */
function isLonger(bytes: Buffer): boolean {
  return encode(any, read(bytes), options(bytes)).equals(bytes)
}

interface Example {
  readonly hex: string
  readonly item: { readonly type?: string; readonly value?: unknown }
}

function fromShared(file: string): unknown {
  const full = path.resolve(root, '../shared/kmip', file)
  if (existsSync(full)) return JSON.parse(readFileSync(full, 'utf8'))
  process.stderr.write(`SKIPPED: ${full} is not there, so TTLV is held only against our own vectors\n`)
  return undefined
}

const examples = fromShared('spec-examples.json') as readonly Example[] | undefined
test(
  'KMIP 1.4 §9.1.2: the examples of the specification',
  { skip: examples === undefined && '../shared is not here: no examples to compare with' },
  () => {
    for (const { hex, item } of examples ?? []) {
      const bytes = Buffer.from(hex, 'hex')
      const value = read(bytes)
      assert.deepEqual(encode(any, value, options(bytes)), bytes)
      if (item.type === undefined) {
        assert.equal(value.type, 'Structure')
        continue
      }
      assert.equal(value.type, item.type)
      assert.equal(plainly(value.value), plainly(item.value), hex)
    }
  },
)

const malformed = fromShared('malformed.json') as readonly { readonly hex: string }[] | undefined
test(
  'TTLV that must be rejected',
  { skip: malformed === undefined && '../shared is not here: no published faults to compare with' },
  () => {
    for (const { hex } of malformed ?? []) {
      assert.throws(() => read(Buffer.from(hex, 'hex')), refusals('malformed'), hex)
    }
  },
)

/** In the notation of the examples: bytes in hexadecimal, everything else in digits and words. */
function plainly(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return typeof value === 'string' ? value : inspect(value).replace(/n$/, '')
}
