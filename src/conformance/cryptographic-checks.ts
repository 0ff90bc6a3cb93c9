// Checks of what a server computes with keys: known answers where there are any, and round trips.

import { createHash } from 'node:crypto'
import type { Check } from './check.ts'
import { require, type Talk } from './talk.ts'

const data = Buffer.from('what is to be protected')
const iv = Buffer.alloc(16, 3)
const cbc = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5', CryptographicAlgorithm: 'AES' } as const

async function activeKey(talk: Talk, values: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const UniqueIdentifier = await talk.key(values)
  await talk.ask('Activate', { UniqueIdentifier })
  return UniqueIdentifier
}

function equal(one: unknown, other: Uint8Array): boolean {
  return one instanceof Uint8Array && Buffer.compare(one, other) === 0
}

async function pair(talk: Talk): Promise<{ readonly own: string; readonly open: string }> {
  const common = { CryptographicAlgorithm: 'RSA', CryptographicLength: 2048 }
  const part = (values: Readonly<Record<string, unknown>>): unknown => Object.values(talk.template(values))[0]
  const suffix = talk.is2x ? 'Attributes' : 'TemplateAttribute'
  const made = await talk.ask('CreateKeyPair', {
    [`Common${suffix}`]: part(common),
    [`PrivateKey${suffix}`]: part({ CryptographicUsageMask: 1 }),
    [`PublicKey${suffix}`]: part({ CryptographicUsageMask: 2 }),
  })
  return { own: made.PrivateKeyUniqueIdentifier, open: made.PublicKeyUniqueIdentifier }
}

// prettier-ignore
export const cryptographicChecks: readonly Check[] = [
  { operation: 'CreateKeyPair', what: 'makes two RSA keys that are linked to each other', since: '1.0', async run(talk) {
    const { own, open } = await pair(talk)
    for (const [one, other] of [[own, open], [open, own]] as const) {
      const { Link } = await talk.attributes(one, 'Link')
      require((Link as { readonly LinkedObjectIdentifier?: string } | undefined)?.LinkedObjectIdentifier === other, 'a half is not linked to the other')
    }
    require((await talk.ask('Get', { UniqueIdentifier: open })).PublicKey !== undefined, 'Get gives no public key')
  } },
  { operation: 'Encrypt', what: 'is refused with a key that is not Active', since: '1.2', async run(talk) {
    const asked = { UniqueIdentifier: await talk.key(), CryptographicParameters: cbc, Data: data, IVCounterNonce: iv }
    await talk.refused('Encrypt', asked, ['PermissionDenied', 'WrongKeyLifecycleState'])
  } },
  { operation: 'Decrypt', what: 'gives back what Encrypt was given (AES, CBC)', since: '1.2', async run(talk) {
    const about = { UniqueIdentifier: await activeKey(talk), CryptographicParameters: cbc, IVCounterNonce: iv }
    const { Data } = await talk.ask('Encrypt', { ...about, Data: data })
    require(Data !== undefined && !equal(Data, data), 'Encrypt returns the data as it was')
    require(equal((await talk.ask('Decrypt', { ...about, Data })).Data, data), 'it gives something else')
  } },
  { operation: 'SignatureVerify', what: 'finds a signature of Sign valid, and another one not', since: '1.2', async run(talk) {
    const { own, open } = await pair(talk)
    for (const UniqueIdentifier of [own, open]) await talk.ask('Activate', { UniqueIdentifier })
    const CryptographicParameters = { PaddingMethod: 'PKCS1V1_5', HashingAlgorithm: 'SHA_256', CryptographicAlgorithm: 'RSA' }
    const { SignatureData = Buffer.of() } = await talk.ask('Sign', { UniqueIdentifier: own, CryptographicParameters, Data: data })
    const verify = async (signature: Uint8Array) => (await talk.ask('SignatureVerify', { UniqueIdentifier: open, CryptographicParameters, Data: data, SignatureData: signature })).ValidityIndicator
    require((await verify(SignatureData)) === 'Valid', 'the signature is not Valid')
    const other = Buffer.from(SignatureData)
    other[9] = (other[9] ?? 0) ^ 1
    require((await verify(other)) === 'Invalid', 'another signature is Valid')
  } },
  { operation: 'MACVerify', what: 'finds a MAC of MAC valid (HMAC with SHA-256)', since: '1.2', async run(talk) {
    const { UniqueIdentifier } = await talk.ask('Create', { ObjectType: 'SymmetricKey', ...talk.template({ CryptographicAlgorithm: 'HMAC_SHA256', CryptographicLength: 256, CryptographicUsageMask: 0x180 }) })
    await talk.ask('Activate', { UniqueIdentifier })
    const about = { UniqueIdentifier, CryptographicParameters: { CryptographicAlgorithm: 'HMAC_SHA256' }, Data: data }
    const { MACData } = await talk.ask('MAC', about)
    require((await talk.ask('MACVerify', { ...about, MACData })).ValidityIndicator === 'Valid', 'the MAC is not Valid')
  } },
  { operation: 'Hash', what: 'computes SHA-256', since: '1.2', async run(talk) {
    const { Data } = await talk.ask('Hash', { CryptographicParameters: { HashingAlgorithm: 'SHA_256' }, Data: data })
    require(equal(Data, createHash('sha256').update(data).digest()), 'the digest is another')
  } },
  { operation: 'RNGRetrieve', what: 'gives as many bytes as asked for', since: '1.2', async run(talk) {
    const { Data } = await talk.ask('RNGRetrieve', { DataLength: 24 })
    require(Data.length === 24, `it gives ${Data.length} bytes of 24`)
  } },
  { operation: 'RNGSeed', what: 'takes data', since: '1.2', run: async (talk) => void (await talk.ask('RNGSeed', { Data: data })) },
  { operation: 'DeriveKey', what: 'derives the same key from the same key (HMAC)', since: '1.0', async run(talk) {
    const base = await activeKey(talk, { CryptographicUsageMask: 0x200 })
    const derive = async () => {
      const asked = { ObjectType: 'SymmetricKey', UniqueIdentifier: [base], DerivationMethod: 'HMAC', DerivationParameters: { CryptographicParameters: { HashingAlgorithm: 'SHA_256' }, DerivationData: data } }
      const { UniqueIdentifier } = await talk.ask('DeriveKey', { ...asked, ...talk.template({ CryptographicAlgorithm: 'AES', CryptographicLength: 128, CryptographicUsageMask: 12 }) })
      const value = (await talk.ask('Get', { UniqueIdentifier })).SymmetricKey?.KeyBlock.KeyValue
      return value && 'KeyMaterial' in value && value.KeyMaterial instanceof Uint8Array ? value.KeyMaterial : Buffer.of()
    }
    const [one, other] = [await derive(), await derive()]
    require(one.length === 16 && equal(one, other), 'the keys differ, or have not 16 bytes')
  } },
]
