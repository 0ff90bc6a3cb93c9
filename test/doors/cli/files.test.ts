// What commands write: whole or not at all, and never through a link.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  makeFolder,
  mustBeFree,
  readNamed,
  readPem,
  readRecipients,
  stageFile,
  writeFile,
  writeLines,
} from '../../../src/doors/cli/files.ts'
import { CommandError, type World } from '../../../src/doors/cli/world.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'

function folderOf(t: TestContext): (name: string) => string {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-files-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return (name) => path.join(folder, name)
}

const lines = async function* (...texts: string[]) {
  yield* texts
}

const broken = async function* () {
  yield 'one'
  throw new Error('the connection broke')
}

const refused = (error: unknown) =>
  error instanceof CommandError && /is a link or a device/.test(error.message)

const exists = (error: unknown) =>
  error instanceof CommandError && /exists already/.test(error.message) && /--force/.test(error.hint ?? '')

// Nothing of the world is touched where a file is named.
const world = {} as World

test('lines are written whole, closed to others, and with force replace what was there', async (t) => {
  const place = folderOf(t)
  writeFileSync(place('log'), 'of before')
  const { pid: killed } = spawnSync(process.execPath, ['--version'])
  writeFileSync(place(`log.${String(killed)}-0a1b2c3d.mortise-partial`), 'of a run that was killed')
  writeFileSync(place('log.partial'), 'of the user')
  assert.equal(await writeLines(world, place('log'), lines('one', 'two'), true), 2)
  assert.equal(readFileSync(place('log'), 'utf8'), 'one\ntwo\n')
  assert.equal(lstatSync(place('log')).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(place('.')), ['log', 'log.partial'])
  assert.equal(readFileSync(place('log.partial'), 'utf8'), 'of the user')
  await writeFile(place('log'), 'three', { mode: 0o600, force: true })
  assert.equal(readFileSync(place('log.partial'), 'utf8'), 'of the user')
})

test('a file in a folder that is not there is refused before anything is done, and folders are made where they are wanted', async (t) => {
  const place = folderOf(t)
  await assert.rejects(mustBeFree([place('no/file')], true), /there is no folder for .*no\/file/)
  writeFileSync(place('taken'), '')
  await assert.rejects(makeFolder(place('taken')), /taken is no folder/)
  const remove = await makeFolder(place('a/b'))
  assert.equal(lstatSync(place('a/b')).mode & 0o777, 0o700)
  await mustBeFree([place('a/b/file')], false)
  writeFileSync(place('a/file'), '')
  await remove()
  assert.deepEqual(readdirSync(place('a')), ['file'], 'what somebody uses stays')
  const twice = await makeFolder(place('a'))
  rmSync(place('a/file'))
  await twice()
  assert.ok(existsSync(place('a')), 'it was there before')
})

test('lines that break off leave what was there', async (t) => {
  const place = folderOf(t)
  writeFileSync(place('log'), 'of before')
  await assert.rejects(writeLines(world, place('log'), broken(), true), /the connection broke/)
  assert.equal(readFileSync(place('log'), 'utf8'), 'of before')
  assert.deepEqual(readdirSync(place('.')), ['log'])
})

async function* slowly(word: string, began: () => void, until: Promise<void>) {
  yield word
  began()
  await until
  yield `${word} again`
}

test('of two that write one file at once each writes its own, and the file is never half of either', async (t) => {
  const place = folderOf(t)
  const [firstStays, secondStays] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const [firstBegan, secondBegan] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const first = writeLines(world, place('log'), slowly('one', firstBegan.resolve, firstStays.promise), true)
  await firstBegan.promise
  const second = writeLines(
    world,
    place('log'),
    slowly('two', secondBegan.resolve, secondStays.promise),
    true,
  )
  await secondBegan.promise
  firstStays.resolve()
  assert.equal(await first, 2)
  assert.equal(readFileSync(place('log'), 'utf8'), 'one\none again\n')
  secondStays.resolve()
  assert.equal(await second, 2)
  assert.equal(readFileSync(place('log'), 'utf8'), 'two\ntwo again\n')
  assert.deepEqual(readdirSync(place('.')), ['log'])
})

test('a link in the place of the file is refused, also one that leads nowhere', async (t) => {
  const place = folderOf(t)
  writeFileSync(place('precious'), 'precious')
  for (const target of ['precious', 'nowhere']) {
    symlinkSync(place(target), place('log'))
    await assert.rejects(writeLines(world, place('log'), lines('one'), true), refused)
    assert.ok(lstatSync(place('log')).isSymbolicLink(), 'it is still there')
    rmSync(place('log'))
  }
  assert.equal(readFileSync(place('precious'), 'utf8'), 'precious')
  assert.equal(existsSync(place('nowhere')), false)
  mkdirSync(place('log'))
  await assert.rejects(writeLines(world, place('log'), lines('one'), true), /is a folder/)
})

test('without force no file is replaced, and nothing is left beside it', async (t) => {
  const place = folderOf(t)
  writeFileSync(place('log'), 'of before')
  await assert.rejects(mustBeFree(['-', place('log')], false), exists)
  await assert.rejects(writeLines(world, place('log'), lines('one'), false), exists)
  await assert.rejects(writeFile(place('log'), 'one', { mode: 0o644, force: false }), exists)
  assert.equal(readFileSync(place('log'), 'utf8'), 'of before')
  assert.deepEqual(readdirSync(place('.')), ['log'])
})

test('a file that appears meanwhile is not replaced either', async (t) => {
  const place = folderOf(t)
  const meanwhile = async function* () {
    yield 'one'
    writeFileSync(place('log'), 'of somebody else')
  }
  await assert.rejects(writeLines(world, place('log'), meanwhile(), false), /exists already/)
  assert.equal(readFileSync(place('log'), 'utf8'), 'of somebody else')
  assert.deepEqual(readdirSync(place('.')), ['log'])
})

test('with force a secret replaces a file only when it is kept', async (t) => {
  const place = folderOf(t)
  writeFileSync(place('key'), 'old', { mode: 0o644 })
  const options = { mode: 0o600, force: true }
  const discarded = await stageFile(place('key'), 'new', options)
  await discarded.discard()
  assert.equal(readFileSync(place('key'), 'utf8'), 'old')
  const kept = await stageFile(place('key'), 'new', options)
  await kept.keep()
  assert.equal(readFileSync(place('key'), 'utf8'), 'new')
  assert.equal(lstatSync(place('key')).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(place('.')), ['key'])
})

test('a file in DER that is no certificate is said to be what it is', async (t) => {
  const file = folderOf(t)('client.p12')
  // A SEQUENCE of five bytes that begins with version 3.
  writeFileSync(file, Buffer.from('308200050201033000', 'hex'))
  await assert.rejects(readPem({} as World, file, 'CERTIFICATE'), /This is a PKCS#12 file/)
})

test('PEM in UTF-16, as PowerShell writes it, is read as the text that it is', async (t) => {
  const file = folderOf(t)('client.pem')
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  writeFileSync(file, Buffer.from(`\ufeff${pem}`, 'utf16le'))
  assert.equal(await readPem(world, file, 'CERTIFICATE'), pem)
  writeFileSync(file, Buffer.from(`\ufeff${pem}`, 'utf16le').swap16())
  assert.equal(await readPem(world, file, 'CERTIFICATE'), pem)
  writeFileSync(file, Buffer.from('4142004344', 'hex'))
  await assert.rejects(readPem(world, file, 'CERTIFICATE'), /This is binary data, not a certificate/)
})

test('a recipient is a word that begins with age1, or a file with one certificate; a private key stays here', async (t) => {
  const place = folderOf(t)
  const { certificate, privateKey } = await makeCertificate({ key: 'ec' })
  const { pem } = certificate
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  writeFileSync(place('good.pem'), `\ufeffissued for Carol\r\n${pem.replaceAll('\n', '\r\n')}`)
  assert.deepEqual(await readRecipients(world, ['age1x', place('good.pem')]), ['age1x', pem])
  const wrong = {
    'key.pem': [key, /holds a private key/],
    'both.pem': [pem + key, /also holds a private key/],
    'identity.txt': ['# made\nAGE-SECRET-KEY-1QQQ\n', /holds an age identity, which stays with its owner/],
    'two.pem': [pem + (await makeCertificate({ key: 'ec' })).certificate.pem, /holds 2 certificates/],
    'token.pem': ['mortise_abc\n', /is no recipient/],
  } as const
  for (const [name, [content, expected]] of Object.entries(wrong)) {
    writeFileSync(place(name), content)
    await assert.rejects(readRecipients(world, [place(name)]), (error: unknown) => {
      assert.ok(error instanceof CommandError)
      assert.match(error.message, expected)
      const secret = content.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
      for (const line of secret) assert.ok(!error.message.includes(line))
      return true
    })
  }
})

test('a file that is much too large is another one than was meant, and is not read', async (t) => {
  const inFolder = folderOf(t)
  const file = inFolder('image.iso')
  writeFileSync(file, '')
  truncateSync(file, 300 * 1024 * 1024)
  await assert.rejects(readNamed(file), /image\.iso is too large: at most 268435456 bytes$/)
  await assert.rejects(readNamed(inFolder('.')), /is a folder$/)
})
