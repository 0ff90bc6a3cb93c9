// `mortise conformance` in one encoding against a server of Mortise: it finds nothing that differs, and leaves nothing behind.

import assert from 'node:assert/strict'
import type { Examined } from '../../../src/tools/conformance/examine.ts'
import { standards } from '../../../src/wire/kmip/version.ts'
import { command } from '../server/command.ts'
import type { ClientFiles, EmbeddedServer } from '../server/server.ts'

export async function nothingDiffers(
  server: EmbeddedServer,
  { certFile, keyFile }: ClientFiles,
  encoding: 'ttlv' | 'xml' | 'json',
): Promise<void> {
  const port = (encoding === 'ttlv' ? server.kmip : server.kmipHttps)?.port ?? 0
  const words = ['conformance', `127.0.0.1:${port}`, '--cert', certFile, '--key', keyFile]
  const { code, stdout, stderr } = await command([...words, '--insecure', '--json', '--encoding', encoding])
  const examined = JSON.parse(stdout) as Examined
  assert.deepEqual(examined.versions, standards, stderr)
  for (const { operation, what, found } of examined.checks)
    for (const [version, { result, why }] of Object.entries(found))
      assert.equal(result, 'works', `${version}: ${operation} ${what}: ${why}`)
  assert.ok(
    examined.profiles.every(({ found }) => Object.values(found).every(({ result }) => result === 'works')),
  )
  assert.deepEqual(examined.left, [])
  assert.equal(code, 0)
  const keys = (await server.json('key', 'list')) as readonly { readonly state: string }[]
  assert.deepEqual(
    keys.filter(({ state }) => !state.startsWith('Destroyed')),
    [],
  )
}
