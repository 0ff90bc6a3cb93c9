// A client's user name and password, in addition to its certificate (KMIP 1.4 §2.1.2). scrypt hashes it on the thread pool, or
// PBKDF2 in FIPS mode. The caller remembers the result for each connection, since vCenter sends the credential with many
// messages.

import { pbkdf2, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { fipsMode } from '../../base/fips.ts'
import type { Credential } from './rows.ts'

const byScrypt = promisify<string, Buffer, number, { N: number; maxmem: number }, Buffer>(scrypt)
const byPbkdf2 = promisify(pbkdf2)

/** scrypt's N and PBKDF2's iterations. Each takes about 80 ms of a pool thread. */
const newCosts = { scrypt: 2 ** 15, pbkdf2: 210_000 } as const
const hashBytes = 32

export async function hashCredential(
  mode: Credential['mode'],
  userName: string,
  password: string,
): Promise<Credential> {
  const salt = randomBytes(16)
  const kdf = fipsMode ? ({ kdf: 'pbkdf2' } as const) : {}
  const cost = newCosts[kdf.kdf ?? 'scrypt']
  const hash = await derive(password, salt, { cost, ...kdf })
  return { mode, userName, hash: hash.toString('base64'), salt: salt.toString('base64'), cost, ...kdf }
}

/** Whether this process can check it. FIPS mode has no scrypt, so the administrator must then set the credential again. */
export function canCheck({ kdf }: Credential): boolean {
  return kdf === 'pbkdf2' || !fipsMode
}

/** Checks user name and password. Takes the same time for a wrong user name as for a wrong password. */
export async function matchesCredential(
  credential: Credential,
  userName: string,
  password: string,
): Promise<boolean> {
  if (!canCheck(credential)) return false
  const expected = Buffer.from(credential.hash, 'base64')
  const hash = await derive(password, Buffer.from(credential.salt, 'base64'), credential)
  return timingSafeEqual(hash, expected) && userName === credential.userName
}

function derive(
  password: string,
  salt: Buffer,
  { kdf, cost }: Pick<Credential, 'kdf' | 'cost'>,
): Promise<Buffer> {
  const seasoned = saltFor(password, salt)
  return kdf === 'pbkdf2'
    ? byPbkdf2(password, seasoned, cost, hashBytes, 'sha512')
    : byScrypt(password, seasoned, hashBytes, { N: cost, maxmem: 256 * cost * 8 })
}

/**
 * scrypt and PBKDF2 pad their key with zeros (HMAC), so trailing NULs of a password would not count. For such passwords the salt
 * includes the length.
 */
function saltFor(password: string, salt: Buffer): Buffer {
  if (!password.endsWith('\0')) return salt
  return Buffer.concat([salt, Buffer.from(`NUL ${Buffer.byteLength(password)}`)])
}
