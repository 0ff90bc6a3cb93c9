// A client's user name and password, in addition to its certificate (KMIP 1.4 §2.1.2). scrypt hashes it on the thread
// pool. The caller remembers the result for each connection, since vCenter sends the credential with many messages.

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Credential } from './rows.ts'

const derive = promisify<string, Buffer, number, { N: number; maxmem: number }, Buffer>(scrypt)

const cost = 2 ** 15
const hashBytes = 32

/** scrypt's cost N: about 80 ms of a pool thread. */
export async function hashCredential(
  mode: Credential['mode'],
  userName: string,
  password: string,
): Promise<Credential> {
  const salt = randomBytes(16)
  const hash = await derive(password, saltFor(password, salt), hashBytes, costs(cost))
  return { mode, userName, hash: hash.toString('base64'), salt: salt.toString('base64'), cost }
}

/** Checks user name and password. Takes the same time for a wrong user name as for a wrong password. */
export async function matchesCredential(
  credential: Credential,
  userName: string,
  password: string,
): Promise<boolean> {
  const expected = Buffer.from(credential.hash, 'base64')
  const salt = Buffer.from(credential.salt, 'base64')
  const hash = await derive(password, saltFor(password, salt), expected.length, costs(credential.cost))
  return timingSafeEqual(hash, expected) && userName === credential.userName
}

/**
 * scrypt pads its key with zeros (HMAC), so trailing NULs of a password would not count. For such passwords the length
 * goes into the salt.
 */
function saltFor(password: string, salt: Buffer): Buffer {
  if (!password.endsWith('\0')) return salt
  return Buffer.concat([salt, Buffer.from(`NUL ${Buffer.byteLength(password)}`)])
}

function costs(N: number) {
  return { N, maxmem: 256 * N * 8 }
}
