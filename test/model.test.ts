// Mortise answers as the model in test/model/ does, for some sequences that test/support/model/ generates; `npm run model` plays
// more of them. The same comparison finds a server that differs.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { compare } from './support/model/compare.ts'
import { ways } from './model/rules.ts'

test('the model shares nothing with the server, and can be read beside the specification', () => {
  const folder = path.join(import.meta.dirname, 'model')
  const texts = readdirSync(folder).map((file) => readFileSync(path.join(folder, file), 'utf8'))
  for (const [, from] of texts.join('').matchAll(/ from '(.*)'/g)) assert.match(from ?? '', /^\.\/\w+\.ts$/)
  const lines = texts.join('').split('\n').length
  assert.ok(lines < 600, `${lines} lines`)
})

// The second seed meets Secret Data whose digest is hidden within six sequences.
for (const seed of [20260301, 2])
  test(`Mortise and the model agree, whichever clients and versions meet (seed ${seed})`, async () => {
    const { disagreement, sequences, requests } = await compare({ sequences: 30, seed })
    assert.equal(disagreement, undefined)
    assert.equal(sequences, 30)
    assert.ok(requests > 300, `${requests} requests`)
  })

test('a model that differs in one way between states is found, and the sequence becomes short', async (t) => {
  const { Deactivated } = ways
  Object.assign(ways, { Deactivated: { compromise: 'Compromised' } })
  t.after(() => Object.assign(ways, { Deactivated }))
  const { disagreement = '' } = await compare({ sequences: 500, seed: 1 })
  assert.match(disagreement, /Destroy.*\nmodel: {3}\{status:OperationFailed.*\nmortise: \{status:Success/)
  assert.ok(disagreement.split('\n').length < 24, disagreement)
})
