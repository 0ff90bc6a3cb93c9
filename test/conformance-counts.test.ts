// The gate on the OASIS cases: what counts as a fall, and that the kept floor is one that can be held.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import {
  countCases,
  failuresByCause,
  fallen,
  risen,
  totalOf,
  unexplained,
  withoutChance,
  type CaseResult,
  type Counts,
} from './support/repository/conformance-counts.ts'

function result(version: string, status: CaseResult['status'], detail = ''): CaseResult {
  return { case: `ONE-${version}`, version, profile: 'ONE', status, detail }
}

function identifier(digit: string): string {
  return `${digit.repeat(8)}-0000-4000-8000-000000000000`
}

test('skipped cases do not count, unusable ones count as failed', () => {
  const cases = [result('1.0', 'PASS'), result('1.0', 'SKIP'), result('1.0', 'ERROR'), result('1.4', 'FAIL')]
  const counts = countCases(cases)
  assert.deepEqual(counts, { '1.0': { ONE: { passed: 1, of: 2 } }, '1.4': { ONE: { passed: 0, of: 1 } } })
  assert.deepEqual(totalOf(counts), { passed: 1, of: 3 })
})

test('a lower number falls, so does a profile that did not run, and neither is hidden by another that rose', () => {
  const floor: Counts = { '1.0': { ONE: { passed: 2, of: 3 }, TWO: { passed: 1, of: 1 } }, '1.1': {} }
  const counts: Counts = { '1.0': { ONE: { passed: 1, of: 3 } }, '1.1': { ONE: { passed: 9, of: 9 } } }
  assert.deepEqual(fallen(counts, floor), [
    'KMIP 1.0 ONE: 1 of 3 passed, but the floor is 2',
    'KMIP 1.0 TWO: 0 of 0 passed, but the floor is 1',
  ])
  assert.equal(risen(counts, floor), true)
  assert.deepEqual(fallen(floor, floor), [])
  assert.equal(risen(floor, floor), false)
})

test('failures with the same cause stand together, whatever their identifiers', () => {
  const cases = [
    result('1.0', 'FAIL', 'step 1/2 Sign: ResultStatus is OperationFailed, not Success (no Sign yet); more'),
    result('1.0', 'FAIL', `step 3/4 Get: /UniqueIdentifier is ${identifier('a')}; more`),
    result('1.1', 'FAIL', `step 2/9 Get: /UniqueIdentifier is ${identifier('b')}; more`),
    result('1.1', 'PASS'),
  ]
  const groups = failuresByCause(cases).map(([cause, failed]) => [cause, failed.length])
  assert.deepEqual(groups, [
    ['Get: /UniqueIdentifier is …', 2],
    ['Sign: no Sign yet', 1],
  ])
})

test('the floor holds counts of the versions that are served', () => {
  const floor = JSON.parse(
    readFileSync(path.join(import.meta.dirname, 'conformance-floor.json'), 'utf8'),
  ) as Counts
  assert.deepEqual(Object.keys(floor), ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0', '2.1', '3.0'])
  for (const byProfile of Object.values(floor))
    for (const { passed, of } of Object.values(byProfile)) assert.ok(passed >= 0 && passed <= of)
  assert.ok(totalOf(floor).passed >= 167)
})

function named(name: string, status: CaseResult['status']): CaseResult {
  return { ...result('1.4', status, 'why'), case: name }
}

test('a failed case needs an exception, and an exception a failed case; a title may follow the name', () => {
  const run = [named('A_1_With_a_title', 'FAIL'), named('B-1', 'PASS'), named('C-1', 'ERROR')]
  const said = (...cases: string[]) => unexplained(run, [{ cases }])
  assert.deepEqual(said('A_1', 'C-1'), [])
  assert.deepEqual(said('A_1'), ['no exception names KMIP 1.4 C-1: why'])
  assert.deepEqual(said('A_1', 'C-1', 'B-1'), ['B-1 is an exception, but it does not fail'])
  assert.equal(said('A', 'C-1').length, 0, 'the title begins behind an underscore')
  assert.deepEqual(unexplained(run, [{ cases: ['A_1', 'C-1'] }, { cases: ['B-1'], byChance: true }]), [])
})

test('a case that passes now and then does not raise the floor', () => {
  const cases = [
    { ...result('1.2', 'PASS'), case: 'LUCK_12_a_title' },
    { ...result('1.2', 'PASS'), case: 'LUCK_123' },
    result('1.2', 'FAIL'),
  ]
  const counted = countCases(
    withoutChance(cases, [{ cases: ['LUCK_12'], byChance: true }, { cases: ['ONE-1.2'] }]),
  )
  assert.deepEqual(counted, { '1.2': { ONE: { passed: 1, of: 3 } } })
})
