// The algorithms as data: KMIP's names (KMIP 1.4 §9.1.3.2.13 to §9.1.3.2.16), and Node's names. A name that these tables lack is
// not supported.

export interface BlockCipher {
  readonly blockBytes: number
  /** Node's name of the cipher without its mode, by key length in bytes. */
  readonly byKeyBytes: Readonly<Record<number, string>>
}

export const blockCiphers: Readonly<Record<string, BlockCipher>> = {
  AES: { blockBytes: 16, byKeyBytes: { 16: 'aes-128', 24: 'aes-192', 32: 'aes-256' } },
  DES3: { blockBytes: 8, byKeyBytes: { 16: 'des-ede', 24: 'des-ede3' } },
  Camellia: { blockBytes: 16, byKeyBytes: { 16: 'camellia-128', 24: 'camellia-192', 32: 'camellia-256' } },
  ARIA: { blockBytes: 16, byKeyBytes: { 16: 'aria-128', 24: 'aria-192', 32: 'aria-256' } },
  SM4: { blockBytes: 16, byKeyBytes: { 16: 'sm4' } },
}

/**
 * `blocks`: works on whole blocks, so the data is padded or fits. `stream`: takes data of any length. `aead`: has a tag. `unit`:
 * takes the whole data as one unit. `wrap`: takes one unit of eight-byte halves, with a check value.
 */
export type ModeKind = 'blocks' | 'stream' | 'aead' | 'unit' | 'wrap'

export interface CipherMode {
  readonly kind: ModeKind
  /** The end of Node's name. */
  readonly suffix: string
  /** Whether the mode takes an IV (or counter or nonce), and its length in bytes. 'block': the block size of the cipher. */
  readonly iv: 'none' | 'block' | { readonly min: number; readonly max: number; readonly usual: number }
  /** The allowed lengths of the tag in bytes. The longest is usual. */
  readonly tagBytes?: readonly number[]
  /** The minimum length of the data, in bytes. Absent: 0. */
  readonly leastBytes?: number
  /** The algorithms that have the mode. Absent: all. */
  readonly only?: readonly string[]
}

export const cipherModes: Readonly<Record<string, CipherMode>> = {
  ECB: { kind: 'blocks', suffix: 'ecb', iv: 'none' },
  CBC: { kind: 'blocks', suffix: 'cbc', iv: 'block' },
  CFB: { kind: 'stream', suffix: 'cfb', iv: 'block' },
  OFB: { kind: 'stream', suffix: 'ofb', iv: 'block' },
  CTR: { kind: 'stream', suffix: 'ctr', iv: 'block', only: ['AES', 'Camellia', 'ARIA', 'SM4'] },
  // SP 800-38D §5.2.1.2: tags below 96 bits suit only a few uses of a key, and a server cannot limit its clients to these.
  GCM: {
    kind: 'aead',
    suffix: 'gcm',
    iv: { min: 1, max: 128, usual: 12 },
    tagBytes: [12, 13, 14, 15, 16],
    only: ['AES', 'ARIA'],
  },
  // SP 800-38C: a nonce of 12 bytes leaves 3 bytes for the length, which is enough for every message.
  CCM: {
    kind: 'aead',
    suffix: 'ccm',
    iv: { min: 7, max: 12, usual: 12 },
    tagBytes: [8, 10, 12, 14, 16],
    only: ['AES', 'ARIA'],
  },
  XTS: { kind: 'unit', suffix: 'xts', iv: 'block', leastBytes: 16, only: ['AES'] },
  // SP 800-38F §5.3.1, table 1. Without this minimum, empty data would pass as wrapped, because it never reaches OpenSSL.
  NISTKeyWrap: { kind: 'wrap', suffix: 'wrap', iv: 'none', leastBytes: 16, only: ['AES'] },
  AESKeyWrapPadding: { kind: 'wrap', suffix: 'wrap-pad', iv: 'none', leastBytes: 1, only: ['AES'] },
}

/** RFC 8439: the only stream cipher, with and without a tag. */
export const chacha = {
  keyBytes: 32,
  nonceBytes: 12,
  /** The usual length, and the shorter ones of at least 96 bits (RFC 5116 §3.1). */
  tagBytes: [12, 13, 14, 15, 16],
} as const

export const hashes: Readonly<Record<string, string>> = {
  MD5: 'md5',
  SHA_1: 'sha1',
  SHA_224: 'sha224',
  SHA_256: 'sha256',
  SHA_384: 'sha384',
  SHA_512: 'sha512',
  RIPEMD_160: 'ripemd160',
  SHA_512_224: 'sha512-224',
  SHA_512_256: 'sha512-256',
  SHA3_224: 'sha3-224',
  SHA3_256: 'sha3-256',
  SHA3_384: 'sha3-384',
  SHA3_512: 'sha3-512',
}

/** The hash of each HMAC. */
export const hmacs: Readonly<Record<string, string>> = {
  HMAC_MD5: 'md5',
  HMAC_SHA1: 'sha1',
  HMAC_SHA224: 'sha224',
  HMAC_SHA256: 'sha256',
  HMAC_SHA384: 'sha384',
  HMAC_SHA512: 'sha512',
  HMAC_SHA3_224: 'sha3-224',
  HMAC_SHA3_256: 'sha3-256',
  HMAC_SHA3_384: 'sha3-384',
  HMAC_SHA3_512: 'sha3-512',
}
