// The reference that the database keeps instead of sealed material.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PayloadError } from '../../../../src/core/custody/keyprotect/payload.ts'
import {
  decodeStandardKeyRef,
  encodeStandardKeyRef,
  isStandardKeyRef,
} from '../../../../src/core/custody/keyprotect/reference.ts'

const ref = { rootKeyUri: 'test:a', rootKeyId: 'r', standardKeyId: 's', generation: 3 }
const altered = (text: string) => Buffer.concat([Buffer.of(2), Buffer.from(text)])

test('a reference is read as it was written, without anything else', () => {
  const encoded = encodeStandardKeyRef({ ...ref, more: 1 } as typeof ref)
  assert.equal(isStandardKeyRef(encoded), true)
  assert.deepEqual(decodeStandardKeyRef(encoded), ref)
})

test('what a data key sealed is no reference, nor is nothing', () => {
  for (const sealed of [null, Buffer.of(), Buffer.of(1, 2, 3)]) assert.equal(isStandardKeyRef(sealed), false)
  assert.throws(() => decodeStandardKeyRef(Buffer.of(1)), PayloadError)
})

test('a reference that lacks a field, or has one of another type, was altered', () => {
  const wrong = Object.keys(ref).flatMap((field) =>
    [undefined, null, {}, field === 'generation' ? '3' : 3].map((value) => ({ ...ref, [field]: value })),
  )
  for (const one of wrong)
    assert.throws(() => decodeStandardKeyRef(altered(JSON.stringify(one))), PayloadError)
  assert.throws(() => decodeStandardKeyRef(altered('{')), PayloadError)
})
