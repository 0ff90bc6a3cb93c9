// Two nodes on one database: what a manager gives up at one of them because its service instance is gone for good, the other one
// reports no more within a minute, and no restart brings it back.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'
import { startNodes, type TestNode } from '../../support/server/nodes.ts'
import { startPostgres } from '../../support/postgresql/server.ts'
import { until } from '../../support/time/until.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())

async function isReported({ server }: TestNode): Promise<boolean> {
  const { conditions } = (await server.json('status')) as { readonly conditions: readonly { id: string }[] }
  return conditions.some(({ id }) => id === 'standard-keys-left')
}

test('what one node forgets, the other one forgets', async (t) => {
  const database = await startPostgres(t)
  if (!database) return
  t.after(() => database.stop('immediate'))
  const env = { MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile }
  await using nodes = await startNodes(database, { env })
  const { one, two, folder } = nodes
  const { apiKey } = await fake.serviceId({ roles: ['Manager'] })
  const file = path.join(folder, 'api-key')
  writeFileSync(file, apiKey, { mode: 0o600 })
  const place = ['--root-key', fake.uri(await fake.rootKey()), '--custody', 'keyprotect']
  await one.server.json('instance', 'create', 'vmware', ...place, '--ibm-api-key-file', file)
  await one.server.json('key', 'create', '--instance', 'vmware')
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  for (const node of [one, two]) assert.equal(await isReported(node), false)
  await one.server.json('instance', 'delete', 'vmware', '--shred', 'vmware')
  assert.ok(await isReported(one))
  const forget = ['root-key', 'forget-left', fake.about.instance, '--left', '1']
  const both = await Promise.all([two.server.cli(...forget), one.server.cli(...forget)])
  assert.ok(
    both.some(({ code }) => code === 0),
    both.map(({ stderr }) => stderr).join(''),
  )
  assert.equal(await isReported(two), false)
  await until(async () => !(await isReported(one)))
  const entries = (await two.server.json('audit', 'list', '--action', 'standard-key.forget')) as object[]
  assert.equal(entries.length, 1, 'of two managers one did it')
  await one.server.stop()
  await one.start()
  assert.deepEqual(await one.server.json('root-key', 'left'), [])
  assert.equal(await isReported(one), false)
})
