// Conditions of one kind take one place in a text.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldConditions } from '../../../src/features/status/conditions-text.ts'

const condition = (id: string, number: number) => ({
  id,
  severity: 'critical' as const,
  action: 'Renew it now.',
  message: `${id} ${number}`,
  instance: null,
})

test('many of one kind take one place, and ten stand for themselves', () => {
  const many = Array.from({ length: 11 }, (_, number) => condition('certificate-expired', number))
  const other = { ...condition('certificate-expired', 11), action: 'Renew another one.' }
  const few = Array.from({ length: 10 }, (_, number) => condition('root-key-failing', number))
  assert.deepEqual(
    foldConditions([...many, other, ...few]).map(({ message, more }) => [message, more]),
    [['certificate-expired 0', 10], ['certificate-expired 11', 0], ...few.map(({ message }) => [message, 0])],
  )
})
