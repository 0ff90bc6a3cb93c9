// A client's user name and password, besides its certificate (KMIP 1.4 §2.1.2). Hashed once with scrypt, off the thread
// that serves; a connection's answer is remembered by whoever asks, since vCenter sends it with many messages.

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Credential } from './rows.ts'

const derive = promisify<string, Buffer, number, { N: number; maxmem: number }, Buffer>(scrypt)

const cost = 2 ** 15
const hashBytes = 32

/** About 80 ms of a thread of the pool. */
export async function hashCredential(
  mode: Credential['mode'],
  userName: string,
  password: string,
): Promise<Credential> {
  const salt = randomBytes(16)
  const hash = await derive(password, saltFor(password, salt), hashBytes, costs(cost))
  return { mode, userName, hash: hash.toString('base64'), salt: salt.toString('base64'), cost }
}

/** Whether user name and password are the client's. As slow for a wrong user name as for a wrong password. */
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
 * scrypt pads its key with zeros (HMAC), so that NULs at the end of a password would count for nothing. Where there are
 * some, the password's length goes into the salt.
 */
function saltFor(password: string, salt: Buffer): Buffer {
  if (!password.endsWith('\0')) return salt
  return Buffer.concat([salt, Buffer.from(`NUL ${Buffer.byteLength(password)}`)])
}

function costs(N: number) {
  return { N, maxmem: 256 * N * 8 }
}
