// Reads PINs, and remembers those that a token refused. Tokens lock themselves after a few wrong PINs. So Mortise never tries a refused PIN
// again, not in another process and not after a restart either: a file in the data folder keeps the hash of each refused PIN.

import { pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { lchown, lstat, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { pkcs11CallMs } from './bounds.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { PinSource } from './uri.ts'

const pkcs11PinFileBytesMax = 1_024
/** The number of refused PINs that Mortise remembers for one token. It forgets the oldest first. Tokens lock after fewer. */
const pkcs11RefusedPinsMax = 20

/** The PIN, which is the first line of the file. The caller wipes it. Throws RootKeyError('unreachable'): the file may come back. */
export async function readPin({ kind, name }: PinSource, credentialsFolder: string | null): Promise<Buffer> {
  if (kind === 'credential' && credentialsFolder === null)
    throw new RootKeyError(
      'unreachable',
      `systemd gives this process no credentials (CREDENTIALS_DIRECTORY is not set), so there is no PIN ${name}. Add ` +
        `LoadCredential=${name}:/PATH to the unit, or name a file: pin-source=file:/PATH`,
    )
  const file = kind === 'file' ? name : path.join(credentialsFolder ?? '', name)
  const content = await readSmall(file)
  try {
    const newline = content.indexOf('\n')
    const end =
      newline < 0 ? content.length : newline > 0 && content[newline - 1] === 0x0d ? newline - 1 : newline
    const pin = Buffer.from(content.subarray(0, end))
    if (pin.length > 0) return pin
    throw new RootKeyError('unreachable', `the PIN file ${file} is empty; it holds the PIN on its first line`)
  } finally {
    content.fill(0)
  }
}

async function readSmall(file: string): Promise<Buffer> {
  try {
    await using handle = await open(file)
    const content = Buffer.alloc(pkcs11PinFileBytesMax)
    const { bytesRead } = await handle.read(content, 0, content.length, 0)
    return content.subarray(0, bytesRead)
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new RootKeyError('unreachable', `the PIN file ${file} cannot be read (${why})`, { cause })
  }
}

interface RefusedPin {
  readonly salt: string
  readonly hash: string
  /** The token's own words. */
  readonly message: string
}

export class RefusedPins {
  readonly #dataFolder: string
  readonly #folder: string
  readonly #file: string
  /** By token: the refused PINs that could not be written to the file. Only this process remembers them. */
  readonly #unwritten = new Map<string, readonly RefusedPin[]>()

  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder
    this.#folder = path.join(dataFolder, 'pkcs11')
    this.#file = path.join(this.#folder, 'refused-pins.json')
  }

  /**
   * Logs in with a PIN, by `attempt`. Only one process at a time does so, so that several processes do not all try one wrong PIN. Throws
   * RootKeyError without an attempt if the token refused this PIN before. `refusal` reads from an error how the token refused the PIN;
   * undefined: the error is not about the PIN.
   */
  async logIn<T>(
    token: string,
    pin: Uint8Array,
    attempt: () => Promise<T>,
    refusal: (error: unknown) => string | undefined,
  ): Promise<T> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 }).catch(() => undefined)
    await this.#giveAway(this.#folder)
    return this.#inTurn(async () => {
      const before = await this.#known(token)
      for (const one of before)
        if (await isSame(one, pin))
          throw new RootKeyError(
            'root-key',
            `${one.message} Mortise does not try it by itself, so as not to lock the token`,
          )
      try {
        const done = await attempt()
        if (before.length > 0) await this.#note(token, undefined)
        return done
      } catch (error) {
        const message = refusal(error)
        if (message === undefined) throw error
        await this.#note(token, await hashed(pin, message))
        throw new RootKeyError('root-key', message, { cause: error })
      }
    })
  }

  async #known(token: string): Promise<readonly RefusedPin[]> {
    const written = (await this.#read())[token] ?? []
    return [written, this.#unwritten.get(token) ?? []].flat()
  }

  /** The content of the file, by token. An earlier version of Mortise wrote one refused PIN for each token, and no list. */
  async #read(): Promise<Record<string, readonly RefusedPin[] | RefusedPin | undefined>> {
    const text = await readFile(this.#file, 'utf8').catch(() => '{}')
    try {
      return JSON.parse(text) as Record<string, readonly RefusedPin[] | RefusedPin>
    } catch {
      return {}
    }
  }

  /** Adds a refused PIN to those of the token. undefined: the token took a PIN, and Mortise forgets all that it refused. */
  async #note(token: string, refused: RefusedPin | undefined): Promise<void> {
    const known = refused && [...(await this.#known(token)), refused].slice(-pkcs11RefusedPinsMax)
    const all = { ...(await this.#read()), [token]: known }
    const next = `${this.#file}.new`
    try {
      await rm(next, { force: true })
      await writeFile(next, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
      await this.#giveAway(next)
      await rename(next, this.#file)
      this.#unwritten.delete(token)
    } catch {
      if (known) this.#unwritten.set(token, known)
      else this.#unwritten.delete(token)
    }
  }

  /**
   * Gives the file or folder to the owner of the data folder. Root may try a root key beside a server that runs as another user: if that
   * server could not read which PINs the token refused, it would try them again at each start. Follows no link, since that user could
   * have made it.
   */
  async #giveAway(made: string): Promise<void> {
    try {
      const { uid, gid } = await stat(this.#dataFolder)
      if ((await lstat(made)).uid !== uid) await lchown(made, uid, gid)
    } catch {
      // Only root may change the owner; for other users the file stays as it was.
    }
  }

  /** Runs `work` while no other process does, by a lock file. Removes the lock file that a killed process left, and makes a new one. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const lock = path.join(this.#folder, 'login.lock')
    let own: string
    for (;;) {
      const taken = await open(lock, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => error)
      if (!(taken instanceof Error)) {
        own = identityOf(await taken.stat({ bigint: true }))
        await taken.close()
        break
      }
      // This process cannot create a file in the folder, so it cannot wait for others.
      if (taken.code !== 'EEXIST') return work()
      const ageMs = await stat(lock)
        .then(({ mtimeMs }) => Date.now() - mtimeMs)
        .catch(() => 0)
      if (Math.abs(ageMs) > 2 * pkcs11CallMs) await rm(lock, { force: true })
      else await sleep(50)
    }
    try {
      return await work()
    } finally {
      // Another process may have replaced the lock file, for instance because the clock was set meanwhile.
      const now = await lstat(lock, { bigint: true }).catch(() => undefined)
      if (now && identityOf(now) === own) await rm(lock, { force: true })
    }
  }
}

/** The inode and the birth time, since a new file may get the inode of a removed one. */
function identityOf({ ino, birthtimeNs }: BigIntStats): string {
  return `${ino} ${birthtimeNs}`
}

const derive = promisify(pbkdf2)
const rounds = 200_000

async function hashed(pin: Uint8Array, message: string): Promise<RefusedPin> {
  const salt = randomBytes(16)
  const hash = await derive(pin, salt, rounds, 32, 'sha256')
  return { salt: salt.toString('hex'), hash: hash.toString('hex'), message }
}

async function isSame({ salt, hash }: RefusedPin, pin: Uint8Array): Promise<boolean> {
  const known = Buffer.from(hash, 'hex')
  const now = await derive(pin, Buffer.from(salt, 'hex'), rounds, 32, 'sha256')
  return known.length === now.length && timingSafeEqual(known, now)
}
