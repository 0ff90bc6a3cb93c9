import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRootKeyFile } from '../../src/base/root-key-file.ts'

test('a root key file is named by the scheme file:', () => {
  for (const uri of ['file:root.key', 'FILE:/etc/root.key', 'file:///etc/root.key'])
    assert.ok(isRootKeyFile(uri), uri)
  for (const uri of ['pkcs11:file:', 'vault:file:x', 'files:x', '']) assert.ok(!isRootKeyFile(uri), uri)
})
