// Adoption from another vendor's server: PyKMIP as Debian ships it (python3-pykmip, with the repairs of
// bench/pykmip-server.py), with keys of several states that it made itself.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { makeFolder, startPykmip } from '../../../bench/servers.ts'
import { createKey, getKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../../src/outside/kmip-client/client.ts'
import { startServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

interface Report {
  readonly version: string
  readonly adopted: number
  readonly unchanged: number
  readonly objects: number
  readonly verified: { readonly equal: number } | null
  readonly notStoredTypes: Readonly<Record<string, number>>
}

test("adoption from PyKMIP's server", { timeout: 300_000 }, async (t) => {
  using folder = await makeFolder()
  using old = await startPykmip(folder)
  if (!old) return skipOrFail(t, "needs Debian's python3-pykmip: apt-get install python3-pykmip")
  await using mine = await startServer()
  const own = await mine.issue('vcenter')
  const [host = '', port] = old.address.split(':')
  const trust = { by: 'authority', pem: readFileSync(path.join(folder.path, 'ca.pem')) } as const
  const files = { cert: readFileSync(folder.cert), key: readFileSync(folder.key) }
  await using there = connectKmip({
    addresses: [{ host, port: Number(port) }],
    ...files,
    trust,
    version: '1.2',
  })
  const ids: string[] = []
  for (let made = 0; made < 40; made++) {
    const id = await createKey(there, { name: `key ${made}` })
    if (made % 2 === 0) await there.request('Activate', { UniqueIdentifier: id })
    ids.push(id)
  }
  const args = ['adopt', 'kmip', old.address, '--cert', folder.cert, '--key', folder.key]
  const all = [...args, '--ca', path.join(folder.path, 'ca.pem'), '--instance', 'default', '--verify']
  const adopt = async () => (await mine.json(...all)) as Report

  const report = await adopt()
  assert.deepEqual([report.objects, report.adopted, report.verified?.equal], [40, 40, 40])
  await using here = connectKmip({
    addresses: [mine.kmip],
    ...own.tls,
    trust: { by: 'authority', pem: own.tls.ca },
    version: '1.2',
  })
  for (const [index, id] of ids.entries()) {
    assert.deepEqual((await getKey(here, id)).material, (await getKey(there, id)).material)
    const states = [there, here].map(async (server) => {
      const asked = { UniqueIdentifier: id, AttributeName: ['State', 'Name'] }
      const { Attribute = [] } = await server.request('GetAttributes', asked)
      // PyKMIP states the index 0, which Mortise leaves out.
      return Attribute.map(({ AttributeName, AttributeValue }) => [AttributeName, AttributeValue])
    })
    const [theirs, ours] = await Promise.all(states)
    assert.deepEqual(ours, theirs, `key ${index}`)
  }
  const again = await adopt()
  assert.deepEqual([again.adopted, again.unchanged], [0, 40])
})
