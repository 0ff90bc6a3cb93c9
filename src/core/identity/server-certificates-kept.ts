// The stored form of the KMIP listener's certificates: one secret of the store. It has a format byte and then parts,
// each after its length in four bytes: first JSON with everything that is not secret, then the private keys (PKCS#8
// DER), so no key is ever text. This file does not know what the certificates are for.

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { parseCertificates, type Certificate } from '../pki/certificate.ts'
import { PkiError } from '../pki/error.ts'
import type { SigningIdentity } from '../pki/issue.ts'

/** A certificate, its key, and the chain that the listener presents: PEM, the certificate first. */
export interface Pair extends SigningIdentity {
  readonly chain: string
}

/** A certificate that was made or imported, and that is not in use yet. */
export interface Staged extends Pair {
  readonly origin: 'renewed' | 'imported'
  readonly warnings: readonly string[]
  /** The names that it should contain. */
  readonly names: readonly string[]
  readonly stagedMs: number
  /** The time to switch to it, milliseconds since 1970; null: an administrator activates it. */
  readonly atMs: number | null
}

/** A certificate request that waits for its certificate. */
export interface PendingCertificateRequest {
  readonly pem: string
  readonly privateKey: KeyObject
  readonly names: readonly string[]
  readonly createdMs: number
}

export interface Kept {
  readonly active: Pair
  /** 48 bytes: the ticket keys of the active certificate. */
  readonly ticketKeys: Buffer
  readonly staged: Staged | null
  readonly previous: Pair | null
  readonly request: PendingCertificateRequest | null
}

const format = 1
const slots = ['active', 'staged', 'previous', 'request'] as const

/** The caller wipes the bytes. */
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

/** Reads the bytes of packCertificates, and wipes them. */
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

/** The fields of the kept certificates that are not secret. */
interface Plain {
  readonly active: string
  readonly staged: Omit<Staged, 'certificate' | 'privateKey'> | null
  readonly previous: string | null
  readonly request: Omit<PendingCertificateRequest, 'privateKey'> | null
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
