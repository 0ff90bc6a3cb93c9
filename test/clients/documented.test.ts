// The settings that docs/clients.md names for each product are settings that Mortise takes.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { documentedProducts, documentedSettings } from '../support/real-clients/documented.ts'
import { startEmbedded } from '../support/server/server.ts'

test('docs/clients.md: each product of the table can be set up as it says', async () => {
  await using server = await startEmbedded()
  const products = documentedProducts()
  assert.ok(products.length > 15)
  for (const product of products) {
    const { instance, allow } = documentedSettings(product)
    if (instance.length > 0) await server.json('instance', 'set', 'default', ...instance)
    const issued = ['--instance', 'default', '--name', product, '--out', path.join(server.data, product)]
    await server.json('client', 'issue', ...issued, '--allow', allow)
  }
})

test('docs/clients.md: a line holds flags of the instance, and one value of --allow', () => {
  assert.deepEqual(documentedSettings('rook'), {
    instance: ['--lengths', 'as-sent'],
    allow: 'Register,Get,Destroy',
  })
  assert.deepEqual(documentedSettings('ceph-csi-get'), { instance: [], allow: 'Get' })
  assert.throws(() => documentedSettings('nobody'), /no line for nobody/)
})
