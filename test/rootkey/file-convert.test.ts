// A root key file under scrypt becomes one under PBKDF2: the same key, the same passphrase.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { openFileRootKey } from '../../src/rootkey/file.ts'
import { convertRootKeyFile } from '../../src/rootkey/file-convert.ts'

const uri = 'file:root.key'
const place = Buffer.from('here')

async function newFolder(t: TestContext) {
  const data = await mkdtemp(path.join(tmpdir(), 'mortise-convert-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const passphraseFile = path.join(data, 'passphrase')
  await writeFile(passphraseFile, 'correct horse battery staple\n')
  return { data, passphraseFile, file: path.join(data, 'root.key') }
}

test('the key stays the same, and so does its passphrase', async (t) => {
  const { data, passphraseFile, file } = await newFolder(t)
  const passphrase = await readFile(passphraseFile)
  const before = await openFileRootKey({ uri, dataFolder: data, passphrase, create: true })
  const wrapped = await before.wrap(Buffer.from('secret'), place)
  assert.deepEqual(await convertRootKeyFile(file, passphraseFile), { file, id: before.id, converted: true })
  assert.match(
    await readFile(file, 'utf8'),
    /\nkdf: pbkdf2-hmac-sha512 iterations=1000000 salt=[0-9a-f]{32}\nsealed: [0-9a-f]{120}\n$/,
  )
  const after = await openFileRootKey({ uri, dataFolder: data, passphrase, create: false })
  assert.equal(after.id, before.id)
  assert.equal(Buffer.from(await after.unwrap(wrapped, place)).toString(), 'secret')
  // The key that is open looks at its file again before each use.
  assert.equal(Buffer.from(await before.unwrap(wrapped, place)).toString(), 'secret')
  assert.equal((await convertRootKeyFile(file, passphraseFile)).converted, false)
  assert.deepEqual((await readdir(data)).toSorted(), ['passphrase', 'root.key'])
})

test('a wrong passphrase, none, and a file that is none change nothing', async (t) => {
  const { data, passphraseFile, file } = await newFolder(t)
  const passphrase = await readFile(passphraseFile)
  await openFileRootKey({ uri, dataFolder: data, passphrase, create: true })
  const text = await readFile(file)
  const wrong = path.join(data, 'wrong')
  await writeFile(wrong, 'Correct horse\n')
  await assert.rejects(convertRootKeyFile(file, wrong), /does not open/)
  await assert.rejects(convertRootKeyFile(file, null), /name the file that holds it with --passphrase-file/)
  await assert.rejects(convertRootKeyFile(wrong, passphraseFile), /gives no root key/)
  assert.deepEqual(await readFile(file), text)
  const plain = await openFileRootKey({ uri: 'file:plain.key', dataFolder: data, create: true })
  assert.equal((await convertRootKeyFile(plain.path, null)).converted, false)
})
