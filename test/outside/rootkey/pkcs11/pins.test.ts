// PINs: read from files and credentials, and never tried again after a token has refused them.

import assert from 'node:assert/strict'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { readPin, RefusedPins } from '../../../../src/outside/rootkey/pkcs11/pins.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-pins-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function file(content: string): string {
  const name = path.join(folder, `${files++}`)
  writeFileSync(name, content)
  return name
}

test('a PIN is the first line of a file or of a credential', async () => {
  for (const [content, pin] of [
    ['1234', '1234'],
    ['1234\n', '1234'],
    ['12 34\r\nnot this', '12 34'],
    ['gr\u00fcn\n', 'gr\u00fcn'],
  ] as const)
    assert.equal((await readPin({ kind: 'file', name: file(content) }, null)).toString(), pin)
  const name = path.basename(file('5678\n'))
  assert.equal((await readPin({ kind: 'credential', name }, folder)).toString(), '5678')
})

const read = (name: string) => readPin({ kind: 'file', name }, null)

test('a PIN that cannot be read may come back: an outage', async () => {
  await assert.rejects(
    read(path.join(folder, 'none')),
    reaches('unreachable', /none cannot be read \(ENOENT\)/),
  )
  await assert.rejects(read(file('\n1234')), reaches('unreachable', /is empty/))
  await assert.rejects(
    readPin({ kind: 'credential', name: 'pin' }, null),
    reaches('unreachable', /LoadCredential=pin:/),
  )
})

const pin = Buffer.from('1234')
const wrong = () => Promise.reject(new RootKeyError('root-key', 'wrong'))
const away = () => Promise.reject(new Error('away'))
const refused = (error: unknown) => (error instanceof RootKeyError ? `it said ${error.message}.` : undefined)

test('a refused PIN is not tried again, here and by whoever has the same folder; another one is', async () => {
  const data = path.join(folder, 'data')
  mkdirSync(data)
  const pins = new RefusedPins(data)
  await assert.rejects(pins.logIn('t', pin, wrong, refused), reaches('root-key', /^it said wrong\.$/))
  for (const same of [pins, new RefusedPins(data)])
    await assert.rejects(
      same.logIn('t', pin, () => assert.fail('it was tried'), refused),
      reaches('root-key', /^it said wrong\. Mortise does not try it by itself/),
    )
  assert.equal(await pins.logIn('u', pin, async () => 'in', refused), 'in')
  const kept = path.join(data, 'pkcs11/refused-pins.json')
  // Without the file it is tried again.
  renameSync(kept, `${kept}.aside`)
  assert.equal(await pins.logIn('t', pin, async () => 'in', refused), 'in')
  renameSync(`${kept}.aside`, kept)
  assert.equal(statSync(kept).mode & 0o777, 0o600)
  assert.doesNotMatch(readFileSync(kept, 'utf8'), /1234/)
  assert.equal(await pins.logIn('t', Buffer.from('5678'), async () => 'in', refused), 'in')
  // A PIN that works makes the refused one a thing of the past.
  assert.doesNotMatch(readFileSync(kept, 'utf8'), /"t"/)
  assert.equal(await new RefusedPins(data).logIn('t', pin, async () => 'in', refused), 'in')
})

test('of two wrong PINs for one token, as two URIs may name them, neither is tried again after the other', async () => {
  const data = path.join(folder, 'two')
  const another = Buffer.from('5678')
  for (const given of [pin, another])
    await assert.rejects(
      new RefusedPins(data).logIn('t', given, wrong, refused),
      /^RootKeyError: it said wrong\.$/,
    )
  for (const given of [pin, another])
    await assert.rejects(
      new RefusedPins(data).logIn('t', given, () => assert.fail('it was tried'), refused),
      reaches('root-key', /does not try it by itself/),
    )
})

test('what root notes while it tries a root key is the server’s to read and to replace', async () => {
  const data = path.join(folder, 'of-the-server')
  mkdirSync(data)
  // Only root can be another user here.
  if (process.geteuid?.() === 0) chownSync(data, 1234, 1234)
  await assert.rejects(new RefusedPins(data).logIn('t', pin, wrong, refused))
  const owner = statSync(data)
  for (const name of ['pkcs11', 'pkcs11/refused-pins.json']) {
    const { uid, gid } = statSync(path.join(data, name))
    assert.deepEqual([uid, gid], [owner.uid, owner.gid], name)
  }
})

test('what a version before wrote, which knew one refused PIN of a token, counts too', async () => {
  const data = path.join(folder, 'before')
  await assert.rejects(new RefusedPins(data).logIn('t', pin, wrong, refused))
  const kept = path.join(data, 'pkcs11/refused-pins.json')
  const { t } = JSON.parse(readFileSync(kept, 'utf8')) as { readonly t: object | readonly object[] }
  writeFileSync(kept, JSON.stringify({ t: [t].flat()[0] }))
  await assert.rejects(
    new RefusedPins(data).logIn('t', pin, () => assert.fail('it was tried'), refused),
    reaches('root-key', /does not try it by itself/),
  )
})

test('only what the token says of the PIN counts', async () => {
  const pins = new RefusedPins(path.join(folder, 'outage'))
  for (const _ of [1, 2]) await assert.rejects(pins.logIn('t', pin, away, refused), /^Error: away$/)
})

test('where the folder cannot be written, this process still remembers', async () => {
  const pins = new RefusedPins(file('a file and no folder'))
  await assert.rejects(pins.logIn('t', pin, wrong, refused))
  await assert.rejects(
    pins.logIn('t', pin, () => assert.fail('it was tried'), refused),
    reaches('root-key'),
  )
})

test('where the file cannot be written any more, neither the PIN in it is tried again nor one that was refused since', async () => {
  const data = path.join(folder, 'full')
  const pins = new RefusedPins(data)
  await assert.rejects(pins.logIn('t', pin, wrong, refused))
  mkdirSync(path.join(data, 'pkcs11/refused-pins.json.new'))
  const another = Buffer.from('5678')
  await assert.rejects(pins.logIn('t', another, wrong, refused), /^RootKeyError: it said wrong\.$/)
  for (const known of [another, pin])
    await assert.rejects(
      pins.logIn('t', known, () => assert.fail('it was tried'), refused),
      reaches('root-key', /does not try it by itself/),
    )
})

test('one after the other logs in, and a lock that a killed process left does not stay', async () => {
  const data = path.join(folder, 'turns')
  mkdirSync(path.join(data, 'pkcs11'), { recursive: true })
  const lock = path.join(data, 'pkcs11/login.lock')
  writeFileSync(lock, '')
  utimesSync(lock, 1000, 1000)
  let inside = 0
  const attempt = async () => {
    assert.equal(++inside, 1)
    await new Promise((resolve) => setImmediate(resolve))
    inside--
  }
  await Promise.all([1, 2, 3].map(() => new RefusedPins(data).logIn('t', pin, attempt, refused)))
  assert.equal(existsSync(lock), false)
})

test('who was taken for a killed process, since the clock was set, does not let others in beside the one that took over', async () => {
  const data = path.join(folder, 'set-clock')
  mkdirSync(data)
  const stay = () => {
    const [entered, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const attempt = () => {
      entered.resolve()
      return left.promise
    }
    const ended = new RefusedPins(data).logIn('t', pin, attempt, refused)
    return { entered: entered.promise, leave: left.resolve, ended }
  }
  const first = stay()
  await first.entered
  const lock = path.join(data, 'pkcs11/login.lock')
  utimesSync(lock, 1000, 1000)
  const second = stay()
  await second.entered
  first.leave()
  await first.ended
  assert.ok(existsSync(lock), 'that of the second one')
  second.leave()
  await second.ended
  assert.equal(existsSync(lock), false)
})
