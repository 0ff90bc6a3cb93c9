// RSA keys in store, for servers and certificates that a test makes in its own process: the two keys of a new server take
// a fifth of a second of CPU. scripts/test.ts fills the store before it runs the tests. Servers that run at the same
// time have different keys; more than these generate them. A server that is a process of its own makes its keys itself.

import crypto, {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyPairKeyObjectResult,
} from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'

/** So many of each length. */
const counts = { 2048: 48, 3072: 12 } as const
/** So many of 2048 bits are for certificates.ts alone, which keeps keys for all files of a process. */
const keptCount = 16
const file = path.resolve(
  import.meta.dirname,
  `../../../node_modules/.cache/rsa-keys.${Object.values(counts).join('-')}.json`,
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
let kept: string[] | undefined

/** Every server of this process has gone, so that the next ones may have their keys: after a file, or after a test. */
export function putRsaKeysBack(): void {
  if (stored !== undefined) stored = read()
}

/** A key of 2048 bits that no other certificate of this process has or gets. */
export async function keptRsaKeys(): Promise<KeyPairKeyObjectResult> {
  useStoredRsaKeys()
  const pem = kept?.pop()
  return pem === undefined ? promisify(generateKeyPair)('rsa', { modulusLength: 2048 }) : pairOf(pem)
}

/** From now on src/core/pki/rsa-keys.ts gets its keys from the store in this process. */
export function useStoredRsaKeys(): void {
  if (stored !== undefined || !existsSync(file)) return
  stored = read()
  kept = all()[2048].slice(0, keptCount)
  const real = generateKeyPair
  const generate = promisify(real)
  const take = async (type: 'rsa', options: { readonly modulusLength: number }) => {
    const pem = type === 'rsa' ? stored?.[options.modulusLength as Bits]?.pop() : undefined
    return pem === undefined ? generate(type, options) : pairOf(pem)
  }
  const replaced = Object.assign((...all: Parameters<typeof real>) => real(...all), {
    [promisify.custom]: take,
  })
  crypto.generateKeyPair = replaced as unknown as typeof real
  syncBuiltinESMExports()
}

function pairOf(pem: string): KeyPairKeyObjectResult {
  return { privateKey: createPrivateKey(pem), publicKey: createPublicKey(pem) }
}

/** What servers may take. */
function read(): Stored {
  const { 2048: short, 3072: long } = all()
  return { 2048: short.slice(keptCount), 3072: long }
}

function all(): Stored {
  return JSON.parse(readFileSync(file, 'utf8')) as Stored
}
