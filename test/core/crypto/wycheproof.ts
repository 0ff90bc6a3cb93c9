// The project Wycheproof publishes vectors of attacks: signatures, tags and paddings that a careless program accepts. This reads
// a copy of them and computes each case by src/crypto. Mortise ships no copy.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { AsymmetricKey } from '../../../src/core/crypto/asymmetric.ts'
import type { CipherParameters } from '../../../src/core/crypto/cipher-setting.ts'
import { CryptoError } from '../../../src/core/crypto/error.ts'
import { runJob } from '../../../src/core/crypto/jobs.ts'
import { decodeKey, encodeKey } from '../../../src/core/crypto/key-formats.ts'
import { checkKey } from '../../../src/core/crypto/key-check.ts'
import { byteCurves, isCurve, type ByteCurveName } from '../../../src/core/crypto/curves.ts'
import { KeyFormatError } from '../../../src/core/crypto/key-parts.ts'
import { hex, whole, type Answer } from './known-answers.ts'

/** One case, with the fields of its group. */
type Case = Readonly<Record<string, string | number | undefined>> & {
  readonly tcId: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly comment: string
}

/** `accepted`: computed, with the published result. `refused`: an error, or not valid. `other`: another result. */
export type Outcome = 'accepted' | 'refused' | 'other' | 'not offered'

export interface Played {
  readonly file: string
  readonly id: string
  readonly expected: Case['result']
  readonly outcome: Outcome
}

/** Plays every file of the folder that holds what src/core/crypto computes. */
export function* play(folder: string): Generator<Played> {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('_test.json'))) {
    const name = file.replace('_test.json', '')
    const { testGroups } = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as {
      readonly testGroups: readonly { readonly type: string; readonly tests: readonly Case[] }[]
    }
    for (const { tests, ...group } of testGroups) {
      const way = ways[group.type]
      if (!way) continue
      for (const one of tests) {
        const id = `${name} ${one.tcId}: ${one.comment}`
        const values = { ...group, ...one }
        const outcome = isLeftOut(name, values) ? 'not offered' : outcomeOf(() => way(name, values))
        yield { file: name, id, expected: one.result, outcome }
      }
    }
  }
}

function outcomeOf(compute: () => boolean | undefined): Outcome {
  try {
    const isRight = compute()
    return isRight === undefined ? 'not offered' : isRight ? 'accepted' : 'other'
  } catch (error) {
    if (error instanceof Refused || error instanceof KeyFormatError) return 'refused'
    if (!(error instanceof CryptoError)) throw error
    return error.kind === 'unsupported' || error.kind === 'tag-length' ? 'not offered' : 'refused'
  }
}

class Refused extends Error {}

/** Inputs that are valid there and refused here: short MACs, nonces and keys that SP 800-38C, SP 800-38D and XTS leave out, see src/crypto. */
function isLeftOut(file: string, values: Case): boolean {
  const bits = (name: string) => Number(values[name])
  if (values.result !== 'valid') return false
  if (file.startsWith('hmac') || file.endsWith('cmac')) return isShortMac(file, bits('tagSize'))
  if (file.endsWith('_ccm')) return bits('ivSize') > 96
  if (file.endsWith('_gcm')) return bits('ivSize') > 1024
  return file === 'aes_xts' && bits('keySize') === 384
}

function isShortMac(file: string, bits: number): boolean {
  const whole = /(\d+)$/.exec(file)?.[1] ?? '128'
  return bits < (whole === '1' ? 160 : Number(whole))
}

/** Whether the result is the published one; undefined if Mortise does not offer it. */
type Way = (file: string, values: Case) => boolean | undefined

function bytes(values: Case, name: string): Uint8Array {
  return hex(String(values[name] ?? ''))
}

function valid({ valid: isValid }: Answer): true {
  if (isValid === true) return true
  throw new Refused()
}

/** SHA-512/256 is SHA_512_256. */
function hashOf(values: Case, name = 'sha'): string {
  return String(values[name])
    .toLowerCase()
    .replace(/^sha-?(\d)/, 'sha$1')
    .replace('/', '-')
    .replace('sha3256', 'sha3-256')
}

const algorithms: Readonly<Record<string, string>> = {
  aes: 'AES',
  aria: 'ARIA',
  camellia: 'Camellia',
  sm4: 'SM4',
}
const modes: Readonly<Record<string, string>> = {
  gcm: 'GCM',
  ccm: 'CCM',
  cbc: 'CBC',
  xts: 'XTS',
  wrap: 'NISTKeyWrap',
  kwp: 'AESKeyWrapPadding',
}

function cipher(file: string): CipherParameters | undefined {
  if (file === 'chacha20_poly1305') return { algorithm: 'ChaCha20Poly1305' }
  const [algorithm = '', mode = ''] = file.split('_')
  const known = { algorithm: algorithms[algorithm], mode: modes[mode] }
  return known.algorithm === undefined || known.mode === undefined || file.includes('siv') ? undefined : known
}

function both(file: string, values: Case, more: object): boolean | undefined {
  const named = cipher(file)
  if (!named) return undefined
  const [msg, ct] = [bytes(values, 'msg'), bytes(values, 'ct')]
  const tag = values['tag'] === undefined ? undefined : bytes(values, 'tag')
  const opening = {
    key: bytes(values, 'key'),
    cipher: { ...named, ...more },
    ...ivOf(named.mode === 'XTS', values),
  }
  const opened = whole({ kind: 'decrypt', ...opening, totalBytes: ct.length }, ct, { tag })
  const sealed = whole({ kind: 'encrypt', ...opening, totalBytes: msg.length }, msg)
  return opened.data === values['msg'] && sealed.data === values['ct'] && sealed.tag === values['tag']
}

/** Wycheproof writes the number of an XTS unit in eight bytes, the lowest first. */
function ivOf(isXts: boolean, values: Case) {
  if (values['iv'] === undefined) return {}
  const iv = bytes(values, 'iv')
  const aad = values['aad'] === undefined ? undefined : bytes(values, 'aad')
  return { iv: isXts ? Buffer.concat([iv, Buffer.alloc(16 - iv.length)]) : iv, aad }
}

function mac(file: string, values: Case): boolean | undefined {
  const [algorithm = '', ...rest] = file.split('_')
  const cmac = algorithms[algorithm]
  if (algorithm !== 'hmac' && (cmac === undefined || rest[0] !== 'cmac')) return undefined
  if (rest[0] === 'sm3') return undefined
  const mac = cmac === undefined ? { hmac: rest.join('-') } : { cmac }
  const opening = { kind: 'mac', key: bytes(values, 'key'), algorithm: mac, verify: true } as const
  return valid(whole(opening, bytes(values, 'msg'), { expected: bytes(values, 'tag') }))
}

function signature(wanted: object) {
  return (values: Case): boolean =>
    valid(
      whole(
        {
          kind: 'signature',
          key: { spki: bytes(values, 'publicKeyDer') },
          scheme: wanted as never,
          verify: true,
        },
        bytes(values, 'msg'),
        { expected: bytes(values, 'sig') },
      ),
    )
}

function pss(_: string, values: Case): boolean {
  const saltBytes = Number(values['sLen'])
  const [hash, maskHash] = [hashOf(values), hashOf(values, 'mgfSha')]
  return signature({ scheme: 'rsa', padding: 'PSS', hash, maskHash, saltBytes })(values)
}

function rsaOpened(values: Case, wanted: object): boolean {
  const key: AsymmetricKey = { pkcs8: bytes(values, 'privateKeyPkcs8') }
  const { data } = whole({ kind: 'rsa-decrypt', key, scheme: wanted as never }, bytes(values, 'ct'))
  return data === values['msg']
}

function agreed(
  privateKey: Uint8Array | undefined,
  publicKey: Uint8Array | undefined,
  values: Case,
): boolean {
  const length = String(values['shared']).length / 2
  const { data } = runJob('agree', { privateKey, publicKey, bytes: length }) as { readonly data: Uint8Array }
  return Buffer.from(data).toString('hex') === values['shared']
}

const ways: Readonly<Record<string, Way>> = {
  AeadTest: (file, values) => both(file, values, { tagBytes: Number(values['tagSize']) / 8 }),
  IndCpaTest: (file, values) => both(file, values, file.endsWith('pkcs5') ? { padding: 'PKCS5' } : {}),
  KeywrapTest: (file, values) => both(file, values, {}),
  MacTest: mac,
  EcdsaVerify: (_, values) =>
    hashOf(values).startsWith('shake')
      ? undefined
      : signature({ scheme: 'ec', hash: hashOf(values) })(values),
  EddsaVerify: (_, values) => signature({ scheme: 'ec' })(values),
  RsassaPssVerify: (_, values) => (hashOf(values).startsWith('shake') ? undefined : pss(_, values)),
  RsassaPkcs1Verify: (_, values) =>
    signature({ scheme: 'rsa', padding: 'PKCS1V1_5', hash: hashOf(values) })(values),
  RsassaPkcs1Generate: (_, values) => {
    const wanted = { scheme: 'rsa', padding: 'PKCS1V1_5', hash: hashOf(values) } as const
    const key = { pkcs8: bytes(values, 'privateKeyPkcs8') }
    return whole({ kind: 'signature', key, scheme: wanted }, bytes(values, 'msg')).data === values['sig']
  },
  RsaesPkcs1Decrypt: (_, values) => rsaOpened(values, { padding: 'PKCS1V1_5' }),
  RsaesOaepDecrypt: (_, values) => {
    const [hash, maskHash] = [hashOf(values), hashOf(values, 'mgfSha')]
    return rsaOpened(values, { padding: 'OAEP', hash, maskHash, label: bytes(values, 'label') })
  },
  PbkdfTest: (file, values) => {
    const derivation = {
      method: 'pbkdf2',
      hash: file.replace('pbkdf2_hmac', ''),
      salt: bytes(values, 'salt'),
      iterations: Number(values['iterationCount']),
    }
    const input = { key: bytes(values, 'password'), derivation, bytes: Number(values['dkLen']) }
    const { data } = runJob('derive', input) as { readonly data: Uint8Array }
    return Buffer.from(data).toString('hex') === values['dk']
  },
  EcdhTest: (_, values) => {
    const curve = curveOf(String(values['curve']))
    if (!isCurve(curve)) return undefined
    const scalar = bytes(values, 'private')
    const privateKey = encodeKey('PKCS_8', { kind: 'ec', isPrivate: true, curve, scalar })
    // As a key that a client registers.
    const other = decodeKey('X_509', false, bytes(values, 'public'))
    checkKey(other)
    return agreed(privateKey, encodeKey('X_509', other), values)
  },
  XdhComp: (_, values) => {
    const curve = `X${String(values['curve']).replace('curve', '')}` as ByteCurveName
    if (!(curve in byteCurves)) return undefined
    const key = (isPrivate: boolean, name: string) =>
      encodeKey(isPrivate ? 'PKCS_8' : 'X_509', { kind: 'bytes', isPrivate, curve, key: bytes(values, name) })
    return agreed(key(true, 'private'), key(false, 'public'), values)
  },
}

/** KMIP has its own names for the curves of NIST. */
function curveOf(name: string): string {
  const nist = /^secp(224|256|384|521)r1$/.exec(name)?.[1]
  const binary = /^sect(\d+)(k|r)1$/.exec(name)
  if (binary) return `${binary[2] === 'k' ? 'K' : 'B'}_${binary[1]}`
  return nist === undefined ? name.toUpperCase() : `P_${nist}`
}
