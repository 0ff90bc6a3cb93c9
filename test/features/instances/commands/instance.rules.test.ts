// `mortise instance defaults` and `instance constraints`: what clients said of objects to come, as text and JSON, and without
// them once they were cleared.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command } from '../../../support/server/command.ts'
import type { KmipSession } from '../../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../../support/server/running.ts'

let server: RunningServer
let session: KmipSession
useServer(
  (started, opened) => {
    server = started
    session = opened
  },
  ['all', 'SetConstraints', 'SetDefaults'],
)

async function say(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await command(['instance', ...words], { data: server.data })
  assert.equal(code, 0, stderr)
  return stdout
}

test('constraints stand one attribute a line, and --clear shows them a last time', async () => {
  const Attributes = { Attribute: [], CryptographicAlgorithm: 'AES' as const, CryptographicLength: 256 }
  await session.ask('2.1', 'SetConstraints', {
    Constraints: {
      Constraint: [
        { ObjectTypes: { ObjectType: ['SymmetricKey', 'SplitKey'] }, Attributes },
        {
          ObjectGroups: { ObjectGroup: ['disks'] },
          Attributes: { Attribute: [], Sensitive: true },
        },
      ],
    },
  })
  const rows = [
    'TYPES                   GROUPS  ATTRIBUTE               VALUE',
    'SymmetricKey, SplitKey  any     CryptographicAlgorithm  AES',
    '                                CryptographicLength     256',
    'all                     disks   Sensitive               true',
    '',
  ].join('\n')
  assert.equal(await say('constraints', 'default'), rows)
  assert.match(
    await say('show', 'default'),
    /2 constraints for new objects:\n +mortise instance constraints default\n/,
  )
  assert.equal(
    await say('constraints', 'default', '--clear'),
    `${rows}\nThese constraints are removed: nothing is refused because of them any more.\n`,
  )
  assert.equal(await say('constraints', 'default'), 'No constraints: clients make and bring any objects.\n')
  assert.equal(
    await say('constraints', 'default', '--clear'),
    'No constraints: clients make and bring any objects.\n',
  )
})

test('defaults as JSON: a list, and what was removed of it', async () => {
  const ObjectDefaults = [
    { ObjectType: 'SymmetricKey' as const, Attributes: { Attribute: [], Comment: 'by default' } },
  ]
  await session.ask('2.1', 'SetDefaults', { DefaultsInformation: { ObjectDefaults } })
  const listed: unknown = JSON.parse(await say('defaults', 'default', '--json'))
  assert.deepEqual(listed, [
    {
      objectTypes: ['SymmetricKey'],
      objectGroups: [],
      attributes: [{ name: 'Comment', index: 0, value: 'by default' }],
    },
  ])
  assert.deepEqual(JSON.parse(await say('defaults', 'default', '--clear', '--json')), { removed: listed })
  assert.deepEqual(JSON.parse(await say('defaults', 'default', '--json')), [])
})
