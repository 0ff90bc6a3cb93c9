// The contract of root keys on SoftHSM2, by each way of sealing, and what a token may do to its server: it is removed, hangs, locks its
// PIN, holds another key, or chooses the IV itself.

import assert from 'node:assert/strict'
import { constants, createCipheriv, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { checkPkcs11, openPkcs11 } from '../../../src/outside/rootkey/pkcs11/open.ts'
import type { Pkcs11Tokens } from '../../../src/outside/rootkey/pkcs11/tokens.ts'
import { pkcs11CallMs } from '../../../src/outside/rootkey/pkcs11/bounds.ts'
import { pkcs11StartAgainMs } from '../../../src/outside/rootkey/pkcs11/tokens.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { reaches, rootKeyContract } from '../../support/root-keys/rootkey-contract.ts'
import { SoftHsm } from './site.ts'
import { until } from '../../support/time/until.ts'

const hsm = new SoftHsm()
const restore = hsm.useEnvironment()
const opened: Pkcs11Tokens[] = []
after(() => {
  for (const tokens of opened) tokens.close()
  restore()
  hsm.remove()
})

const place = Buffer.from('place')
const open = (options: Parameters<SoftHsm['open']>[0] = {}): Pkcs11Tokens => {
  const tokens = hsm.open(options)
  opened.push(tokens)
  return tokens
}

/** Undoes at the end of the test what it told the token to do. */
function faulty(t: TestContext, ...lines: readonly string[]): void {
  t.after(() => hsm.tell())
  hsm.tell(...lines)
}

hsm.makeToken('main')
hsm.makeToken('other')
await hsm.makeKey('main', 'aes')
await hsm.makeKey('other', 'aes')
// What Mortise makes where there is no AES-GCM may wrap and not encrypt data.
hsm.tell('hide 0x1087')
await hsm.makeKey('main', 'wrapping')
await hsm.makeKey('other', 'wrapping')
hsm.tell()
for (const token of ['main', 'other'])
  hsm.tool(
    token,
    '--keypairgen',
    '--key-type',
    'rsa:2048',
    '--label',
    'rsa',
    '--usage-decrypt',
    '--usage-sign',
  )

// A token of the same name stands in place of the first one when they are swapped.
const bringBackMain = hsm.takeAway()
hsm.begin()
hsm.makeToken('main')
for (const object of ['aes', 'wrapping']) await hsm.makeKey('main', object)
hsm.tool(
  'main',
  '--keypairgen',
  '--key-type',
  'rsa:2048',
  '--label',
  'rsa',
  '--usage-decrypt',
  '--usage-sign',
)
let bringOther = hsm.takeAway()
bringBackMain()

for (const [object, runs] of [
  ['aes', 100],
  ['wrapping', 50],
  ['rsa', 20],
] as const) {
  const clock = new MovableClock()
  const tokens = open({ clock })
  rootKeyContract(`SoftHSM2, ${object}`, {
    open: () => openPkcs11(hsm.uri('main', object), tokens),
    openOther: () => openPkcs11(hsm.uri('other', object), tokens),
    takeAway: async () => {
      const bringBack = hsm.takeAway()
      return async () => {
        bringBack()
        clock.pass(pkcs11StartAgainMs)
      }
    },
    swap: async () => {
      const bringBack = hsm.takeAway()
      bringOther()
      return async () => {
        bringOther = hsm.takeAway()
        bringBack()
      }
    },
    runs,
  })
}

test('each key seals by the best way that it and its token allow', async () => {
  const tokens = open()
  const wayOf = async (object: string) =>
    (await (await openPkcs11(hsm.uri('main', object), tokens)).wrap(randomBytes(32), place))[1]
  // SoftHSM2 has RSA-OAEP with SHA-1 alone, so that the way with SHA-256 was tried and left.
  assert.deepEqual([await wayOf('aes'), await wayOf('wrapping'), await wayOf('rsa')], [1, 2, 6])
})

test('an IV that the token chooses is stored, whether it is written over ours or appended', async (t) => {
  const rootKey = await checkPkcs11(hsm.uri('main', 'aes'), open())
  const secret = randomBytes(32)
  for (const [how, length] of [
    ['overwritten', 12],
    ['appended', 16],
  ] as const) {
    faulty(t, `iv ${how}`)
    const [first, second] = [await rootKey.wrap(secret, place), await rootKey.wrap(secret, place)]
    for (const wrapped of [first, second]) {
      assert.equal(wrapped.length, 4 + length + 32 + 16, how)
      assert.deepEqual(Buffer.from(await rootKey.unwrap(wrapped, place)), secret)
    }
    assert.notDeepEqual(first.subarray(4, 4 + length), second.subarray(4, 4 + length))
    hsm.tell()
    assert.deepEqual(Buffer.from(await rootKey.unwrap(first, place)), secret)
  }
})

test('whoever has the public key alone seals nothing that an RSA key opens', async () => {
  const rootKey = await openPkcs11(hsm.uri('main', 'rsa'), open())
  const wrapped = await rootKey.wrap(randomBytes(32), place)
  const der = Buffer.from(hsm.readPublicKey('main', 'rsa'))
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  const half = randomBytes(32)
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const head = publicEncrypt({ key, padding, oaepHash: 'sha1' }, half)
  const cipher = createCipheriv('aes-256-gcm', half, Buffer.alloc(12))
  const front = Buffer.concat([wrapped.subarray(0, 4), head])
  cipher.setAAD(Buffer.concat([Buffer.from('mortise root key on a token\n'), front, place]))
  const sealed = Buffer.concat([cipher.update(randomBytes(32)), cipher.final(), cipher.getAuthTag()])
  await assert.rejects(rootKey.unwrap(Buffer.concat([front, sealed]), place), reaches('wrapped-form'))
})

test('a call that hangs costs its process the life, and the next call has another', async (t) => {
  const clock = new MovableClock()
  const ended: string[] = []
  const rootKey = await openPkcs11(hsm.uri('main', 'aes'), open({ clock, ended }))
  const secret = randomBytes(32)
  const wrapped = await rootKey.wrap(secret, place)
  faulty(t, 'hang C_Decrypt')
  const asked = assert.rejects(
    rootKey.unwrap(wrapped, place),
    reaches('unreachable', /did not answer unwrap within/),
  )
  await until(() => hsm.noted('hangs') === 1)
  clock.pass(pkcs11CallMs)
  await asked
  assert.match(ended.join(), /its process was killed/)
  hsm.tell()
  assert.deepEqual(Buffer.from(await rootKey.unwrap(wrapped, place)), secret)
})

test('a token that loses its session or is removed for a moment is found again at once', async (t) => {
  const ended: string[] = []
  const rootKey = await openPkcs11(hsm.uri('main', 'aes'), open({ ended }))
  const wrapped = await rootKey.wrap(randomBytes(32), place)
  // CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT: as long as the first process runs.
  for (const value of ['0x32', '0xb3', '0xe0']) {
    const before = ended.length
    faulty(t, `fail C_DecryptInit ${value}`)
    const unwrapped = rootKey.unwrap(wrapped, place)
    await until(() => ended.length > before)
    hsm.tell()
    await unwrapped
  }
})

test('a module that cannot be called by several threads at once is not', async (t) => {
  faulty(t, 'lacks locks')
  const tokens = open()
  const rootKeys = await Promise.all(
    ['aes', 'wrapping', 'rsa'].map((object) => checkPkcs11(hsm.uri('main', object), tokens)),
  )
  assert.equal(rootKeys.length, 3)
  assert.equal(hsm.noted('overlaps'), 0)
})

test('a fault of the token is an outage; what it says of one wrapped form concerns that alone', async (t) => {
  const rootKey = await openPkcs11(hsm.uri('main', 'aes'), open())
  const wrapped = await rootKey.wrap(randomBytes(32), place)
  for (const [value, reach] of [
    ['0x30', 'unreachable'],
    ['0x05', 'unreachable'],
    ['0x80000001', 'unreachable'],
    ['0x40', 'wrapped-form'],
    ['0x68', 'root-key'],
  ] as const) {
    faulty(t, `fail C_Decrypt ${value}`)
    await assert.rejects(rootKey.unwrap(wrapped, place), reaches(reach), value)
  }
  hsm.tell()
  await rootKey.unwrap(wrapped, place)
})

test('a wrong PIN is tried once, not by another process, and no more until it changes', async (t) => {
  const dataFolder = path.join(hsm.folder, 'wrong-pin')
  t.after(() => hsm.setPin('1234'))
  hsm.setPin('4321')
  const before = hsm.noted('logins')
  const uri = hsm.uri('main', 'aes')
  const clock = new MovableClock()
  const tokens = open({ dataFolder, clock })
  await assert.rejects(openPkcs11(uri, tokens), reaches('root-key', /PIN is wrong.*CKR_PIN_INCORRECT/))
  clock.pass(pkcs11StartAgainMs)
  await assert.rejects(openPkcs11(uri, tokens), reaches('root-key', /does not try it by itself/))
  // As after a restart, and as several workers do it at once.
  const others = [1, 2, 3].map(() => openPkcs11(uri, open({ dataFolder })))
  await Promise.all(
    others.map((other) => assert.rejects(other, reaches('root-key', /does not try it by itself/))),
  )
  assert.equal(hsm.noted('logins'), before + 1)
  assert.equal(
    readFileSync(path.join(dataFolder, 'pkcs11/refused-pins.json'), 'utf8').includes('4321'),
    false,
  )
  hsm.setPin('1234')
  clock.pass(pkcs11StartAgainMs)
  await openPkcs11(uri, tokens)
})

test('of several processes that begin with a wrong PIN at once, one tries it', async (t) => {
  const dataFolder = path.join(hsm.folder, 'at-once')
  t.after(() => hsm.setPin('1234'))
  hsm.setPin('9999')
  const before = hsm.noted('logins')
  const all = [1, 2, 3, 4].map(() => openPkcs11(hsm.uri('main', 'aes'), open({ dataFolder })))
  await Promise.all(all.map((one) => assert.rejects(one, reaches('root-key', /PIN is wrong/))))
  assert.equal(hsm.noted('logins'), before + 1)
})

test('a token that is locked, or would be after one more wrong PIN, is not asked at all', async (t) => {
  const before = hsm.noted('logins')
  faulty(t, 'flags 0x40000')
  await assert.rejects(openPkcs11(hsm.uri('main', 'aes'), open()), reaches('root-key', /PIN is locked/))
  hsm.tell('flags 0x20000')
  await assert.rejects(openPkcs11(hsm.uri('main', 'aes'), open()), reaches('root-key', /one more wrong PIN/))
  assert.equal(hsm.noted('logins'), before)
  hsm.tell('fail C_Login 0xa4')
  await assert.rejects(
    openPkcs11(hsm.uri('main', 'aes'), open({ dataFolder: path.join(hsm.folder, 'locked') })),
    reaches('root-key', /PIN is locked.*security officer/),
  )
})

test('keys that do not protect what they seal are refused or warned of', async () => {
  const tokens = open()
  hsm.tool('main', '--keygen', '--key-type', 'AES:32', '--label', 'readable')
  await assert.rejects(checkPkcs11(hsm.uri('main', 'readable'), tokens), reaches('root-key', /CKA_SENSITIVE/))
  hsm.tool('main', '--keygen', '--key-type', 'AES:16', '--label', 'leaving', '--sensitive', '--extractable')
  const { warnings } = await checkPkcs11(hsm.uri('main', 'leaving'), tokens)
  assert.match(warnings.join(' '), /CKA_EXTRACTABLE.*128 bits only/)
  assert.deepEqual((await checkPkcs11(hsm.uri('main', 'aes'), tokens)).warnings, [])
})

test('what is not there, and what is there several times, has its own words', async () => {
  const tokens = open()
  const at = (token: string, object: string) => checkPkcs11(hsm.uri(token, object), tokens)
  await assert.rejects(at('none', 'aes'), reaches('unreachable', /no token with token none.*main \(serial/))
  await assert.rejects(at('main', 'none'), reaches('root-key', /no AES key none/))
  for (const id of ['01', '02'])
    hsm.tool('main', '--keygen', '--key-type', 'AES:32', '--label', 'twice', '--id', id, '--sensitive')
  await assert.rejects(at('main', 'twice'), reaches('unreachable', /several keys twice/))
  await checkPkcs11(hsm.uri('main', 'twice').replace('?', ';id=%02?'), tokens)
  await assert.rejects(hsm.makeKey('main', 'aes'), reaches('root-key', /has a key of this name already/))
})

test('a key that is deleted on the token while it is in use is withdrawn', async () => {
  await hsm.makeKey('main', 'deleted')
  const rootKey = await checkPkcs11(hsm.uri('main', 'deleted'), open())
  const wrapped = await rootKey.wrap(randomBytes(32), place)
  hsm.tool('main', '--delete-object', '--type', 'secrkey', '--label', 'deleted')
  await assert.rejects(rootKey.unwrap(wrapped, place), reaches('root-key', /no AES key deleted/))
})
