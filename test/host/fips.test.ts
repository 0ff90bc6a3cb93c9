// FIPS mode where its module is missing: what a person is told. With the module: test/real/fips.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { enterFips, FipsError, fipsVersion, setUpFips } from '../../src/host/fips.ts'

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-fips-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function saying(message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof FipsError)
    assert.match(`${error.message}. ${error.hint}`, message)
    return true
  }
}

test('without settings it says how to make them, and with broken ones what is wrong', async (t) => {
  const folder = await newFolder(t)
  assert.throws(() => enterFips(folder), saying(/there is no .*fips\.cnf.* mortise fips setup/))
  await writeFile(
    path.join(folder, 'fips.cnf'),
    'nodejs_conf = a\n[a]\nproviders = b\n[b]\nfips = c\n[c]\nmodule = /nowhere/fips.so\nactivate = 1\n',
  )
  assert.throws(() => enterFips(folder), saying(/does not start with the FIPS provider.*mortise fips setup/s))
})

test('a module that is none leaves no settings', async (t) => {
  const folder = await newFolder(t)
  await assert.rejects(setUpFips(folder, path.join(folder, 'none.so')), saying(/There is no .*none\.so/))
  const file = path.join(folder, 'fips.so')
  await writeFile(file, 'no module')
  // Without the program openssl it is that which is missing.
  await assert.rejects(setUpFips(folder, file), saying(/did not pass OpenSSL's own test|openssl is missing/))
  assert.deepEqual(await readdir(folder), ['fips.so'])
  assert.equal(await fipsVersion(folder), null)
})
