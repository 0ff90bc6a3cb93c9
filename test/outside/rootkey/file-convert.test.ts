// A root key file under scrypt becomes one under PBKDF2: the same key, the same passphrase.

import assert from 'node:assert/strict'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { openFileRootKey } from '../../../src/outside/rootkey/file.ts'
import { convertRootKeyFile } from '../../../src/outside/rootkey/file-convert.ts'
import { sealedFilePassphrase, writeSealedFile } from '../../support/root-keys/sealed-file.ts'

const uri = 'file:root.key'
const place = Buffer.from('here')

async function newFolder(t: TestContext) {
  const data = await mkdtemp(path.join(tmpdir(), 'mortise-convert-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const passphraseFile = path.join(data, 'passphrase')
  await writeFile(passphraseFile, `${sealedFilePassphrase}\n`)
  return { data, passphraseFile, file: path.join(data, 'root.key') }
}

test('the key stays the same, and so does its passphrase', async (t) => {
  const { data, passphraseFile, file } = await newFolder(t)
  const passphrase = await readFile(passphraseFile)
  await writeSealedFile(file)
  const before = await openFileRootKey({ uri, dataFolder: data, passphrase, create: false })
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
  await writeSealedFile(file)
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

test('a link stays one, and the file behind it keeps its place, its owner and its mode', async (t) => {
  const { data, passphraseFile } = await newFolder(t)
  const stick = path.join(data, 'stick')
  await mkdir(stick)
  const kept = path.join(stick, 'kept.key')
  await writeSealedFile(kept)
  const file = path.join(data, 'root.key')
  await symlink(kept, file)
  await chmod(kept, 0o640)
  // Another owner only where the test may give the file away.
  if (process.geteuid?.() === 0) await chown(kept, 1234, 1234)
  const { uid, gid, mode } = await stat(kept)
  assert.equal((await convertRootKeyFile(file, passphraseFile)).converted, true)
  assert.equal(await readlink(file), kept)
  assert.match(await readFile(kept, 'utf8'), /\nkdf: pbkdf2/)
  const now = await stat(kept)
  assert.deepEqual([now.uid, now.gid, now.mode], [uid, gid, mode])
  assert.deepEqual(await readdir(stick), ['kept.key'])
})
