// Checks of what a server computes with keys: known answers where there are any, and round trips.

import { createHash } from 'node:crypto'
import type { OperationCheck } from './check.ts'
import { require, type CheckSession } from './check-session.ts'

const data = Buffer.from('what is to be protected')
const iv = Buffer.alloc(16, 3)
const cbc = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5', CryptographicAlgorithm: 'AES' } as const

async function activeKey(
  session: CheckSession,
  values: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const UniqueIdentifier = await session.key(values)
  await session.ask('Activate', { UniqueIdentifier })
  return UniqueIdentifier
}

function equal(one: unknown, other: Uint8Array): boolean {
  return one instanceof Uint8Array && Buffer.compare(one, other) === 0
}

async function pair(session: CheckSession): Promise<{ readonly own: string; readonly open: string }> {
  const common = { CryptographicAlgorithm: 'RSA', CryptographicLength: 2048 }
  const part = (values: Readonly<Record<string, unknown>>): unknown =>
    Object.values(session.template(values))[0]
  const suffix = session.is2x ? 'Attributes' : 'TemplateAttribute'
  const made = await session.ask('CreateKeyPair', {
    [`Common${suffix}`]: part(common),
    [`PrivateKey${suffix}`]: part({ CryptographicUsageMask: 1 }),
    [`PublicKey${suffix}`]: part({ CryptographicUsageMask: 2 }),
  })
  return { own: made.PrivateKeyUniqueIdentifier, open: made.PublicKeyUniqueIdentifier }
}

// prettier-ignore
export const cryptographicChecks: readonly OperationCheck[] = [
  { operation: 'CreateKeyPair', what: 'makes two RSA keys that are linked to each other', since: '1.0', async run(session) {
    const { own, open } = await pair(session)
    for (const [one, other] of [[own, open], [open, own]] as const) {
      const { Link } = await session.attributes(one, 'Link')
      require((Link as { readonly LinkedObjectIdentifier?: string } | undefined)?.LinkedObjectIdentifier === other, 'a half is not linked to the other')
    }
    require((await session.ask('Get', { UniqueIdentifier: open })).PublicKey !== undefined, 'Get gives no public key')
  } },
  { operation: 'Encrypt', what: 'is refused with a key that is not Active', since: '1.2', async run(session) {
    const request = { UniqueIdentifier: await session.key(), CryptographicParameters: cbc, Data: data, IVCounterNonce: iv }
    await session.refused('Encrypt', request, ['PermissionDenied', 'WrongKeyLifecycleState'])
  } },
  { operation: 'Decrypt', what: 'gives back what Encrypt was given (AES, CBC)', since: '1.2', async run(session) {
    const about = { UniqueIdentifier: await activeKey(session), CryptographicParameters: cbc, IVCounterNonce: iv }
    const { Data } = await session.ask('Encrypt', { ...about, Data: data })
    require(Data !== undefined && !equal(Data, data), 'Encrypt returns the data as it was')
    require(equal((await session.ask('Decrypt', { ...about, Data })).Data, data), 'it gives something else')
  } },
  { operation: 'SignatureVerify', what: 'finds a signature of Sign valid, and another one not', since: '1.2', async run(session) {
    const { own, open } = await pair(session)
    for (const UniqueIdentifier of [own, open]) await session.ask('Activate', { UniqueIdentifier })
    const CryptographicParameters = { PaddingMethod: 'PKCS1V1_5', HashingAlgorithm: 'SHA_256', CryptographicAlgorithm: 'RSA' }
    const { SignatureData = Buffer.of() } = await session.ask('Sign', { UniqueIdentifier: own, CryptographicParameters, Data: data })
    const verify = async (signature: Uint8Array) => (await session.ask('SignatureVerify', { UniqueIdentifier: open, CryptographicParameters, Data: data, SignatureData: signature })).ValidityIndicator
    require((await verify(SignatureData)) === 'Valid', 'the signature is not Valid')
    const other = Buffer.from(SignatureData)
    other[9] = (other[9] ?? 0) ^ 1
    require((await verify(other)) === 'Invalid', 'another signature is Valid')
  } },
  { operation: 'MACVerify', what: 'finds a MAC of MAC valid (HMAC with SHA-256)', since: '1.2', async run(session) {
    const { UniqueIdentifier } = await session.ask('Create', { ObjectType: 'SymmetricKey', ...session.template({ CryptographicAlgorithm: 'HMAC_SHA256', CryptographicLength: 256, CryptographicUsageMask: 0x180 }) })
    await session.ask('Activate', { UniqueIdentifier })
    const about = { UniqueIdentifier, CryptographicParameters: { CryptographicAlgorithm: 'HMAC_SHA256' }, Data: data }
    const { MACData } = await session.ask('MAC', about)
    require((await session.ask('MACVerify', { ...about, MACData })).ValidityIndicator === 'Valid', 'the MAC is not Valid')
  } },
  { operation: 'Hash', what: 'computes SHA-256', since: '1.2', async run(session) {
    const { Data } = await session.ask('Hash', { CryptographicParameters: { HashingAlgorithm: 'SHA_256' }, Data: data })
    require(equal(Data, createHash('sha256').update(data).digest()), 'the digest is another')
  } },
  { operation: 'RNGRetrieve', what: 'gives as many bytes as asked for', since: '1.2', async run(session) {
    const { Data } = await session.ask('RNGRetrieve', { DataLength: 24 })
    require(Data.length === 24, `it gives ${Data.length} bytes of 24`)
  } },
  { operation: 'RNGSeed', what: 'takes data', since: '1.2', run: async (session) => void (await session.ask('RNGSeed', { Data: data })) },
  { operation: 'DeriveKey', what: 'derives the same key from the same key (HMAC)', since: '1.0', async run(session) {
    const base = await activeKey(session, { CryptographicUsageMask: 0x200 })
    const derive = async () => {
      const request = { ObjectType: 'SymmetricKey', UniqueIdentifier: [base], DerivationMethod: 'HMAC', DerivationParameters: { CryptographicParameters: { HashingAlgorithm: 'SHA_256' }, DerivationData: data } }
      const { UniqueIdentifier } = await session.ask('DeriveKey', { ...request, ...session.template({ CryptographicAlgorithm: 'AES', CryptographicLength: 128, CryptographicUsageMask: 12 }) })
      const value = (await session.ask('Get', { UniqueIdentifier })).SymmetricKey?.KeyBlock.KeyValue
      return value && 'KeyMaterial' in value && value.KeyMaterial instanceof Uint8Array ? value.KeyMaterial : Buffer.of()
    }
    const [one, other] = [await derive(), await derive()]
    require(one.length === 16 && equal(one, other), 'the keys differ, or have not 16 bytes')
  } },
]
