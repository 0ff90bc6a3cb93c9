// The settings that docs/clients.md names for each client are settings that Mortise takes.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { documentedClients, documentedSettings } from '../support/real-clients/documented.ts'
import { startEmbedded } from '../support/server/server.ts'

test('docs/clients.md: each client of the table can be set up as it says', async () => {
  await using server = await startEmbedded()
  const clients = documentedClients()
  assert.ok(clients.length > 15)
  for (const [index, client] of clients.entries()) {
    const { instance, allow } = documentedSettings(client)
    if (instance.length > 0) await server.json('instance', 'set', 'default', ...instance)
    for (const [other, allowed] of allow.entries()) {
      const name = `client-${index}-${other}`
      const out = path.join(server.data, name)
      await server.json(
        'client',
        'issue',
        '--instance',
        'default',
        '--name',
        name,
        '--out',
        out,
        '--allow',
        allowed,
      )
    }
  }
})

test('docs/clients.md: a cell holds flags of the instance, and several values of --allow', () => {
  assert.deepEqual(documentedSettings('Rook'), {
    instance: ['--lengths', 'as-sent'],
    allow: ['Register,Get,Destroy'],
  })
  assert.deepEqual(documentedSettings('ceph-csi').allow, ['crypto', 'Get'])
  assert.throws(() => documentedSettings('Nobody'), /no line for Nobody/)
})
