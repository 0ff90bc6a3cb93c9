// The protocol versions, their order and their numbers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  atLeast,
  newestOfMajor,
  ordinal,
  standards,
  versionOf,
  versions,
  versionText,
} from '../../../src/wire/kmip/version.ts'

test('each version has its number and its place', () => {
  assert.deepEqual(
    versions.map((version) => [version, ordinal(version), newestOfMajor(version)]),
    [
      ['1.0', 100, '1.4'],
      ['1.1', 101, '1.4'],
      ['1.2', 102, '1.4'],
      ['1.3', 103, '1.4'],
      ['1.4', 104, '1.4'],
      ['2.0', 200, '2.1'],
      ['2.1', 201, '2.1'],
      ['3.0', 300, '3.0'],
    ],
  )
  for (const version of versions) assert.equal(versionOf(ordinal(version)), version)
  for (const unknown of [0, 99, 105, 199, 202, 299, 301]) assert.equal(versionOf(unknown), undefined)
})

test('versions are compared by their order', () => {
  for (const [i, a] of versions.entries())
    for (const [j, b] of versions.entries()) assert.equal(atLeast(a, b), i >= j, `${a}, ${b}`)
})

test('a draft is called one', () => {
  assert.deepEqual(versions.map(versionText), [...standards, '3.0 (draft)'])
})
