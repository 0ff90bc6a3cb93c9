// The certificates of the KMIP door as they are kept in one secret of the store. Its form: a format byte, then parts,
// each with its length in four bytes before it: first JSON with everything that is no secret, then the private keys
// (PKCS#8 DER), so that no key is ever text. Knows nothing of what the certificates are for.

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { parseCertificates, type Certificate } from '../pki/certificate.ts'
import { PkiError } from '../pki/error.ts'
import type { Identity } from '../pki/issue.ts'

/** A certificate, its key, and the chain that is shown: PEM, the certificate first. */
export interface Pair extends Identity {
  readonly chain: string
}

/** Made or brought, and not shown yet. */
export interface Staged extends Pair {
  readonly origin: 'renewed' | 'imported'
  readonly warnings: readonly string[]
  /** Those that it should contain. */
  readonly names: readonly string[]
  readonly stagedMs: number
  /** When it is switched to, milliseconds since 1970; null: when somebody says so. */
  readonly atMs: number | null
}

/** A certificate signing request that waits for its certificate. */
export interface PendingRequest {
  readonly pem: string
  readonly privateKey: KeyObject
  readonly names: readonly string[]
  readonly createdMs: number
}

export interface Kept {
  readonly active: Pair
  /** 48 bytes; those of the active certificate. */
  readonly ticketKeys: Buffer
  readonly staged: Staged | null
  readonly previous: Pair | null
  readonly request: PendingRequest | null
}

const format = 1
const slots = ['active', 'staged', 'previous', 'request'] as const

/** The bytes are the caller's to wipe. */
export function packCertificates(kept: Kept): Buffer {
  const keys = slots.map(
    (slot) => kept[slot]?.privateKey.export({ type: 'pkcs8', format: 'der' }) ?? Buffer.alloc(0),
  )
  const { active, staged, previous, request } = kept
  const plain: Plain = {
    active: active.chain,
    staged: staged && withoutKey(staged),
    previous: previous?.chain ?? null,
    request: request && { pem: request.pem, names: request.names, createdMs: request.createdMs },
  }
  const parts = [Buffer.from(JSON.stringify(plain)), kept.ticketKeys, ...keys]
  const packed = Buffer.concat([Buffer.from([format]), ...parts.flatMap((part) => [lengthOf(part), part])])
  for (const key of keys) key.fill(0)
  return packed
}

/** Takes what packCertificates made, and wipes it. */
export function unpackCertificates(bytes: Buffer): Kept {
  if (bytes[0] !== format)
    throw new PkiError('The server certificate was kept by a newer version of Mortise.')
  const parts: Buffer[] = []
  for (let at = 1; at < bytes.length;) {
    const length = bytes.readUInt32BE(at)
    parts.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  const [json = Buffer.alloc(0), ticketKeys = Buffer.alloc(0), ...keys] = parts
  const plain = JSON.parse(json.toString('utf8')) as Plain
  const keyOf = (slot: (typeof slots)[number]): KeyObject =>
    createPrivateKey({ key: keys[slots.indexOf(slot)] ?? Buffer.alloc(0), type: 'pkcs8', format: 'der' })
  const kept: Kept = {
    active: pairOf(plain.active, keyOf('active')),
    ticketKeys: Buffer.from(ticketKeys),
    staged: plain.staged && { ...plain.staged, ...pairOf(plain.staged.chain, keyOf('staged')) },
    previous: plain.previous === null ? null : pairOf(plain.previous, keyOf('previous')),
    request: plain.request && { ...plain.request, privateKey: keyOf('request') },
  }
  bytes.fill(0)
  return kept
}

/** What is no secret of it. */
interface Plain {
  readonly active: string
  readonly staged: Omit<Staged, 'certificate' | 'privateKey'> | null
  readonly previous: string | null
  readonly request: Omit<PendingRequest, 'privateKey'> | null
}

function withoutKey({ chain, origin, warnings, names, stagedMs, atMs }: Staged): Plain['staged'] {
  return { chain, origin, warnings, names, stagedMs, atMs }
}

function pairOf(chain: string, privateKey: KeyObject): Pair {
  const [certificate]: readonly (Certificate | undefined)[] = parseCertificates(chain)
  if (!certificate) throw new PkiError('A kept certificate is missing.')
  return { chain, certificate, privateKey }
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(part.length)
  return length
}
