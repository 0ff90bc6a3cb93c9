// The settings of an instance in a form: only what changed is sent, in the type that the API wants.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instanceBytesMax } from '../../../../src/features/instances/routes.ts'
import {
  bytesText,
  changedSettings,
  duration,
  written,
  type Instance,
} from '../../../../console/src/pages/settings/setting-fields.ts'

const instance: Instance = {
  id: 'i',
  name: 'default',
  custody: 'database',
  rootKey: 'file:root.key',
  ibmApiKeySource: 'none',
  cacheSeconds: 300,
  outageSeconds: 3_600,
  expiredGraceDays: 30,
  portable: false,
  objectsMax: 10,
  bytesMax: instanceBytesMax,
  destroyDelaySeconds: 0,
  names: 'unique',
  lengths: 'strict',
  legacyWrap: false,
  restrictions: 'as-sent',
  wrappingKeys: [],
  closed: null,
  rules: { defaults: 0, constraints: 0 },
  created: '2026-01-01T00:00:00.000Z',
}

test('a form that changed nothing asks for nothing', () => {
  assert.equal(changedSettings(instance, written(instance)), undefined)
  assert.equal(changedSettings(instance, { ...written(instance), name: ' default ' }), undefined)
})

test('only what changed is sent, numbers as numbers', () => {
  const changed = {
    ...written(instance),
    cacheSeconds: '60',
    portable: 'true',
    legacyWrap: 'true',
    name: 'site a',
    names: 'shared',
  }
  assert.deepEqual(changedSettings(instance, changed), {
    name: 'site a',
    cacheSeconds: 60,
    portable: true,
    legacyWrap: true,
    names: 'shared',
  })
})

test('lengths of time and sizes are said in the units that people use', () => {
  assert.deepEqual([0, 1, 59, 60, 300, 3_900, 90_061].map(duration), [
    '0 seconds',
    '1 second',
    '59 seconds',
    '1 minute',
    '5 minutes',
    '1 hour 5 minutes',
    '1 day 1 hour',
  ])
  assert.deepEqual([0, 1023, 1024, 4 * 1024 ** 3].map(bytesText), [
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '4.0 GiB',
  ])
})
