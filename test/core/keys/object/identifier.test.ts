import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newIdentifier } from '../../../../src/core/keys/object/identifier.ts'

test('an identifier is a UUID of version 7 that begins with its time (RFC 9562 §5.7)', () => {
  // The example of RFC 9562, appendix A.6: 2022-02-22 14:22:22 at UTC-5.
  const made = newIdentifier(0x017f22e279b0)
  assert.match(made, /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.match(newIdentifier(5), /^00000000-0005-7/)
})

test('two identifiers of one moment differ', () => {
  const made = new Set(Array.from({ length: 1_000 }, () => newIdentifier(1)))
  assert.equal(made.size, 1_000)
})
