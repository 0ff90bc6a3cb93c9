// RSA keys in store, for servers and certificates that a test makes in its own process: the two keys of a new server take
// a fifth of a second of CPU. scripts/test.ts fills the store before it runs the tests. A test file takes no key twice, and
// generates new ones once it has taken all. A server that is a process of its own makes its keys itself.

import crypto, { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'

/** So many of each length. */
const counts = { 2048: 64, 3072: 12 } as const
const file = path.resolve(
  import.meta.dirname,
  `../../node_modules/.cache/rsa-keys.${Object.values(counts).join('-')}.json`,
)

type Bits = keyof typeof counts
type Stored = Record<Bits, string[]>

/** Fills the store, unless it is there. */
export async function storeRsaKeys(): Promise<void> {
  if (existsSync(file)) return
  const generate = promisify(generateKeyPair)
  const make = (bits: Bits) =>
    Promise.all(
      Array.from({ length: counts[bits] }, async () => {
        const { privateKey } = await generate('rsa', { modulusLength: bits })
        return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      }),
    )
  const stored: Stored = { 2048: await make(2048), 3072: await make(3072) }
  mkdirSync(path.dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, JSON.stringify(stored))
  renameSync(unfinished, file)
}

let stored: Stored | undefined

/**
 * The next test file of this process may take the servers' keys that the one before took. Those of clients it may not:
 * certificates.ts keeps clients for all files, and no new one may have the key of another.
 */
export function putRsaKeysBack(): void {
  if (stored !== undefined) stored[3072] = read()[3072]
}

/** From now on src/pki/rsa-keys.ts gets its keys from the store in this process. */
export function useStoredRsaKeys(): void {
  if (stored !== undefined || !existsSync(file)) return
  stored = read()
  const real = generateKeyPair
  const generate = promisify(real)
  const take = async (type: 'rsa', options: { readonly modulusLength: number }) => {
    const pem = type === 'rsa' ? stored?.[options.modulusLength as Bits]?.pop() : undefined
    if (pem === undefined) return generate(type, options)
    const privateKey = createPrivateKey(pem)
    return { privateKey, publicKey: createPublicKey(pem) } satisfies Record<string, KeyObject>
  }
  const replaced = Object.assign((...all: Parameters<typeof real>) => real(...all), {
    [promisify.custom]: take,
  })
  crypto.generateKeyPair = replaced as unknown as typeof real
  syncBuiltinESMExports()
}

function read(): Stored {
  return JSON.parse(readFileSync(file, 'utf8')) as Stored
}
