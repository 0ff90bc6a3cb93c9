// Characters for property tests.

import * as fc from 'fast-check'

const [surrogates, surrogatesEnd, last] = [0xd800, 0xe000, 0x10ffff]

/**
 * Any character of Unicode; UTF-8 cannot carry halves of surrogate pairs. fast-check's own (`unit: 'binary'`) keeps all 1.1 million of
 * them in a map, which takes longer to make than most tests, and each collection of garbage looks through it.
 */
export const anyCharacter = fc
  .integer({ min: 0, max: last - (surrogatesEnd - surrogates) })
  .map((n) => String.fromCodePoint(n < surrogates ? n : n + surrogatesEnd - surrogates), indexOf)

function indexOf(value: unknown): number {
  const code = typeof value === 'string' ? value.codePointAt(0) : undefined
  if (code === undefined || value !== String.fromCodePoint(code)) throw new Error('not one character')
  return code < surrogates ? code : code - (surrogatesEnd - surrogates)
}
