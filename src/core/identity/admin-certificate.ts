// The certificate of the admin API. Mortise's own CA always signs it, so a client that trusts admin-ca.pem keeps working whatever
// certificate the KMIP listener presents. If our CA signed the KMIP listener's certificate and it has the needed names, the admin
// API uses that one. Otherwise the admin API has a certificate of its own, which vCenter never sees and which the server renews
// by itself. Part of the composition root.

import { serverActor } from '../audit/actor.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { Secrets } from '../sealing/secrets.ts'
import { certificateNamesMax, expiryWarningDays } from '../../base/bounds.ts'
import type { Certificate } from '../pki/certificate.ts'
import {
  certificateNames,
  issueServer,
  privateKeyPem,
  readIdentity,
  type SigningIdentity,
} from '../pki/issue.ts'
import { signedBy } from '../pki/match.ts'
import { nameMatches, namesIn } from '../pki/server-chain.ts'
import { ownNames } from './server-identity.ts'

/** The certificate and then its key, PEM, in one secret, so they always belong together. */
const secretName = 'admin-certificate'
const keyBegins = '-----BEGIN PRIVATE KEY-----'
const dayMs = 24 * 3600_000

export interface AdminCertificateOptions {
  readonly secrets: Secrets
  readonly authority: SigningIdentity
  /** The certificate of the KMIP listener. */
  readonly kmip: SigningIdentity
  /** The names that it must have, besides localhost. */
  readonly names: readonly string[]
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

/** Makes and stores a certificate if none fits. Throws PkiError for an invalid name. */
export async function adminCertificate(options: AdminCertificateOptions): Promise<{
  readonly certificate: Certificate
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: Buffer }
}> {
  const names = certificateNames(['localhost', ...options.names])
  const { certificate, privateKey } = await fittingOne(options, names)
  return { certificate, tls: { cert: certificate.pem, key: privateKeyPem(privateKey) } }
}

async function fittingOne(
  options: AdminCertificateOptions,
  names: readonly string[],
): Promise<SigningIdentity> {
  const { secrets, kmip } = options
  const own = identityIn(secrets.get(secretName))
  const known = [kmip, own].find((one) => one && fits(one, names, options))
  if (known) return known
  // Another node may have made one meanwhile.
  const stored = identityIn(await secrets.fresh(secretName))
  return stored && fits(stored, names, options) ? stored : makeOne(options, names, stored)
}

function fits(
  identity: SigningIdentity,
  names: readonly string[],
  { authority, nowMs }: AdminCertificateOptions,
): boolean {
  const { certificate } = identity
  const has = namesIn(certificate.der)
  return (
    signedBy(certificate.der, authority.certificate.der) &&
    lastsOn(identity, nowMs) &&
    names.every((name) => has.some((pattern) => nameMatches(name, pattern)))
  )
}

function lastsOn({ certificate }: SigningIdentity, nowMs: number): boolean {
  return certificate.notAfterMs - nowMs > expiryWarningDays * dayMs
}

function identityIn(bytes: Buffer | undefined): SigningIdentity | undefined {
  if (!bytes) return undefined
  const at = bytes.indexOf(keyBegins)
  const identity = readIdentity(bytes.subarray(0, at).toString(), bytes.subarray(at))
  bytes.fill(0)
  return identity
}

/**
 * The new certificate also has the names of the certificate before, since other nodes may need them: otherwise each node would
 * replace the certificate of the others at its start. A name that no node needs disappears when the certificate before expires
 * and another one replaces it.
 */
async function makeOne(
  options: AdminCertificateOptions,
  neededNames: readonly string[],
  before: SigningIdentity | undefined,
): Promise<SigningIdentity> {
  const { secrets, authority: ca, nowMs } = options
  const others = before && lastsOn(before, nowMs) ? namesIn(before.certificate.der) : []
  const all = new Set([...neededNames, ...certificateNames(ownNames()), ...others])
  const names = [...all].slice(0, certificateNamesMax)
  const made = await issueServer({ ca, names, nowMs })
  const { certificate, privateKey } = made
  const bytes = Buffer.concat([Buffer.from(certificate.pem), privateKeyPem(privateKey)])
  const entry: AuditEntry = {
    atMs: nowMs,
    action: 'admin-cert.renew',
    result: 'success',
    instanceId: null,
    object: certificate.sha256,
    actor: serverActor,
    reason: null,
    requestId: null,
    detail: { names: namesIn(certificate.der).join(',') },
  }
  await secrets.put(secretName, bytes, [entry])
  bytes.fill(0)
  return made
}
