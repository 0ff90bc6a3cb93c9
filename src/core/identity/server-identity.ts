// Makes the server's first identity once, in an empty store, and stores it among the server's secrets: its CA, the
// first certificate that vCenter pins, and the keys of its TLS tickets. server-certificates.ts handles the
// certificates after the first. Part of the composition root.

import { randomBytes } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import type { Secrets } from '../sealing/secrets.ts'
import {
  canBeCertified,
  issueServer,
  makeAuthority,
  privateKeyPem,
  readIdentity,
  type SigningIdentity,
} from '../pki/issue.ts'
import { beginIdentityKeys, type IdentityKeys } from './identity-keys.ts'

export interface ServerIdentity {
  readonly authority: SigningIdentity
  /** The first certificate, even after another one has replaced it. */
  readonly server: SigningIdentity
  /** 48 bytes, for TLS session tickets. */
  readonly ticketKeys: Buffer
}

const names = ['ca-certificate', 'ca-key', 'server-certificate', 'server-key', 'tls-ticket-keys'] as const

/**
 * `serverNames`: the names that the administrator wants in the certificate, besides the machine's own. `begun`: keys for a new
 * server that are already being made.
 */
export async function openServerIdentity(
  secrets: Secrets,
  serverNames: readonly string[],
  nowMs: number,
  begun?: IdentityKeys,
): Promise<ServerIdentity> {
  const kept = await secrets.ensure(names, async () => {
    const keys = begun ?? beginIdentityKeys()
    const commonName = `Mortise CA ${randomBytes(4).toString('hex')}`
    const authority = await makeAuthority({ commonName, keys: keys.authority, nowMs })
    const names = [...serverNames, ...ownNames()]
    const server = await issueServer({ ca: authority, names, keys: keys.server, nowMs })
    return {
      'ca-certificate': Buffer.from(authority.certificate.pem),
      'ca-key': privateKeyPem(authority.privateKey),
      'server-certificate': Buffer.from(server.certificate.pem),
      'server-key': privateKeyPem(server.privateKey),
      'tls-ticket-keys': randomBytes(48),
    }
  })
  const secret = (name: (typeof names)[number]) => kept[name] ?? Buffer.alloc(0)
  return {
    authority: readIdentity(secret('ca-certificate'), secret('ca-key')),
    server: readIdentity(secret('server-certificate'), secret('server-key')),
    ticketKeys: secret('tls-ticket-keys'),
  }
}

/** The names and addresses by which a client on this network may reach the machine, as far as a certificate can hold them. */
export function ownNames(name = hostname()): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? [])
  const reachable = addresses
    .filter(({ address }) => !address.startsWith('fe80:'))
    .map(({ address }) => address)
  return [
    ...(canBeCertified(name) ? [name] : []),
    'localhost',
    ...new Set(['127.0.0.1', '::1', ...reachable]),
  ]
}
