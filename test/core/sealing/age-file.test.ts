// The age file that is made piece by piece opens with the library, for each recipient, at every length around its chunks.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  Decrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption'
import { createAgeFile } from '../../../src/core/sealing/age-file.ts'
import { NoRecipient } from '../../../src/core/sealing/sealed-file.ts'

const identity = await generateX25519Identity()
const other = await generateHybridIdentity()
const recipients = [await identityToRecipient(identity), await identityToRecipient(other)]

async function sealed(pieces: readonly Buffer[]): Promise<Buffer> {
  const file = await createAgeFile(recipients)
  const parts = [file.head]
  for (const piece of pieces) parts.push(...file.write(piece))
  return Buffer.concat([...parts, file.end()])
}

async function opened(file: Buffer, by: string): Promise<Buffer> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(by)
  return Buffer.from(await decrypter.decrypt(file))
}

const chunk = 64 * 1024
test('what is sealed opens as it was, for each recipient', async () => {
  for (const length of [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 17]) {
    const plain = randomBytes(length)
    const pieces = [plain.subarray(0, 100), plain.subarray(100, chunk + 50), plain.subarray(chunk + 50)]
    const file = await sealed(pieces)
    for (const by of [identity, other]) assert.deepEqual(await opened(file, by), plain, `${length} bytes`)
  }
})

test('a file without its last chunk does not open, and no other identity opens it', async () => {
  const file = await createAgeFile(recipients)
  const part = Buffer.concat([file.head, ...file.write(randomBytes(3 * chunk))])
  await assert.rejects(opened(part, identity))
  await assert.rejects(opened(await sealed([Buffer.from('x')]), await generateX25519Identity()))
})

test('what was given stays as it is, and what is no recipient is refused', async () => {
  const plain = Buffer.alloc(10, 7)
  const file = await createAgeFile(recipients)
  file.write(plain)
  assert.deepEqual(plain, Buffer.alloc(10, 7))
  for (const wrong of ['', 'age1nonsense', 'ssh-ed25519 AAAA', identity])
    await assert.rejects(createAgeFile([wrong]), NoRecipient)
})

test('a recipient of a plugin is refused for that, and one with a wrong letter for the letter', async () => {
  const yubikey = 'age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t'
  await assert.rejects(createAgeFile([yubikey]), { message: /is for the plugin age-plugin-yubikey/ })
  for (const wrong of [recipients[0]?.replace(/.$/, 'b'), 'age1pq1nonsense', 'age1tag1nonsense'])
    await assert.rejects(createAgeFile([wrong ?? '']), { message: /a letter is missing or wrong/ })
})
