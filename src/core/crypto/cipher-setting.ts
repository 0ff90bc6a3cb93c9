// Checks a client's request for a symmetric cipher against the table of algorithms: the algorithm, its mode, padding, tag and IV.
// Pure. It uses no key.

import { requireApprovedCipher } from './approved.ts'
import { blockCiphers, chacha, cipherModes, type CipherMode } from './algorithms.ts'
import { CryptoError } from './error.ts'
import { paddingOf, type Padding } from './padding.ts'

/** By KMIP's names. */
export interface CipherParameters {
  readonly algorithm: string | undefined
  readonly mode?: string | undefined
  readonly padding?: string | undefined
  /** In bytes. */
  readonly tagBytes?: number | undefined
}

export interface CipherSetting {
  /** Node's name. */
  readonly cipher: string
  readonly kind: CipherMode['kind']
  readonly padding: Padding
  /** 1 for ciphers and modes without blocks. */
  readonly blockBytes: number
  /** The length of the tag. 0: there is no tag. */
  readonly tagBytes: number
  /** The allowed lengths of the IV. Undefined: the mode takes no IV. */
  readonly iv: { readonly min: number; readonly max: number; readonly usual: number } | undefined
  /** The allowed lengths of a nonce without its counter. The counter is then 0 and precedes the nonce. */
  readonly nonceAlone?: readonly number[]
  /** The minimum length of the data, in bytes. */
  readonly leastBytes: number
  /** The fixed IV of the key wraps. */
  readonly fixedIv?: Uint8Array | undefined
}

/** Throws CryptoError `unsupported`, `invalid` for a key of the wrong length, and `tag-length`. */
export function cipherSetting(parameters: CipherParameters, keyBytes: number): CipherSetting {
  const { algorithm = 'none', mode: modeName } = parameters
  requireApprovedCipher(algorithm)
  if (algorithm === 'ChaCha20Poly1305' || algorithm === 'ChaCha20')
    return chachaSetting(algorithm, parameters, keyBytes)
  const block = blockCiphers[algorithm]
  if (!block)
    throw new CryptoError('unsupported', `this server does not encrypt with the algorithm ${algorithm}`)
  if (modeName === undefined)
    throw new CryptoError(
      'unsupported',
      `${algorithm} needs a Block Cipher Mode, in the request or as the key's attribute`,
    )
  const mode = cipherModes[modeName]
  if (!mode || mode.only?.includes(algorithm) === false)
    throw new CryptoError('unsupported', `this server does not do ${algorithm} in the mode ${modeName}`)
  const halves = modeName === 'XTS' ? 2 : 1
  const base = block.byKeyBytes[keyBytes / halves]
  if (base === undefined || (modeName === 'XTS' && keyBytes === 48))
    throw new CryptoError(
      'invalid',
      `${algorithm} in the mode ${modeName} takes no key of ${String(keyBytes * 8)} bits`,
    )
  const padding = paddingOf(parameters.padding)
  if (padding !== 'None' && mode.kind !== 'blocks')
    throw new CryptoError('unsupported', `the mode ${modeName} takes no padding`)
  const { blockBytes } = block
  return {
    cipher: nodeName(base, mode),
    kind: mode.kind,
    padding,
    blockBytes: mode.kind === 'blocks' ? blockBytes : 1,
    tagBytes: tagLength(mode.tagBytes, parameters.tagBytes),
    iv: ivLengths(mode.iv, blockBytes),
    leastBytes: mode.leastBytes ?? 0,
    fixedIv: wrapIvs[mode.suffix],
  }
}

function chachaSetting(algorithm: string, parameters: CipherParameters, keyBytes: number): CipherSetting {
  const aead = algorithm === 'ChaCha20Poly1305'
  if (keyBytes !== chacha.keyBytes) throw new CryptoError('invalid', `${algorithm} has keys of 256 bits`)
  if (paddingOf(parameters.padding) !== 'None')
    throw new CryptoError('unsupported', `${algorithm} takes no padding`)
  const { nonceBytes: nonce } = chacha
  return {
    cipher: aead ? 'chacha20-poly1305' : 'chacha20',
    kind: aead ? 'aead' : 'stream',
    padding: 'None',
    blockBytes: 1,
    tagBytes: aead ? tagLength(chacha.tagBytes, parameters.tagBytes) : 0,
    leastBytes: 0,
    // ChaCha20 alone takes a counter, lowest byte first, and the nonce, as OpenSSL does. It also takes only the nonce, of RFC
    // 8439 or of the original cipher.
    iv: aead ? { min: nonce, max: nonce, usual: nonce } : { min: 16, max: 16, usual: 16 },
    ...(!aead && { nonceAlone: [8, nonce] }),
  }
}

/** RFC 3394 §2.2.3.1 and RFC 5649 §3. */
const wrapIvs: Readonly<Record<string, Uint8Array>> = {
  wrap: new Uint8Array(8).fill(0xa6),
  'wrap-pad': Uint8Array.of(0xa6, 0x59, 0x59, 0xa6),
}

function nodeName(base: string, mode: CipherMode): string {
  if (mode.kind === 'wrap') return `id-${base.replace('-', '')}-${mode.suffix}`
  return `${base}-${mode.suffix}`
}

function tagLength(known: readonly number[] | undefined, bytes: number | undefined): number {
  if (!known) return 0
  const usual = Math.max(...known)
  if (bytes !== undefined && !known.includes(bytes))
    throw new CryptoError('tag-length', `the tag has ${known.join(', ')} bytes, not ${String(bytes)}`)
  return bytes ?? usual
}

function ivLengths(iv: CipherMode['iv'], blockBytes: number): CipherSetting['iv'] {
  if (iv === 'none') return undefined
  return iv === 'block' ? { min: blockBytes, max: blockBytes, usual: blockBytes } : iv
}

/** The complete IV for the cipher. Throws CryptoError `no-iv`, and `invalid` for a wrong length. */
export function checkedIv(
  { iv: lengths, fixedIv, nonceAlone }: CipherSetting,
  iv: Uint8Array | undefined,
): Uint8Array | null {
  if (!lengths) return fixedIv ?? null
  if (!iv)
    throw new CryptoError(
      'no-iv',
      'this mode needs an IV, counter or nonce: give one, or ask for a Random IV',
    )
  if (nonceAlone?.includes(iv.length)) return Buffer.concat([Buffer.alloc(lengths.max - iv.length), iv])
  if (iv.length < lengths.min || iv.length > lengths.max)
    throw new CryptoError(
      'invalid',
      `the IV, counter or nonce has ${ivText(lengths)} bytes, not ${String(iv.length)}`,
    )
  return iv
}

function ivText({ min, max }: { readonly min: number; readonly max: number }): string {
  return min === max ? String(min) : `${String(min)} to ${String(max)}`
}
