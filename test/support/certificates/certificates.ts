// Client certificates of every kind that a KMIP server meets, made once per test process. What the product itself
// issues is not here: use src/core/pki/issue.ts.

import { createPublicKey, generateKeyPair, X509Certificate, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  AttributeTypeAndValue,
  AttributeValue,
  Certificate as AsnCertificate,
  Name,
  RelativeDistinguishedName,
  type Extension,
} from '@peculiar/asn1-x509'
import { basicConstraints, extendedKeyUsage, keyUsage, signCertificate } from '../../../src/core/pki/build.ts'
import { parseCertificate } from '../../../src/core/pki/certificate.ts'
import { makeAuthority, type SigningIdentity } from '../../../src/core/pki/issue.ts'
import type { SignatureAlgorithm } from '../../../src/core/pki/signatures.ts'
import { attributeTypes } from '../../../src/core/pki/subject.ts'
import { keptRsaKeys } from './rsa-keys.ts'

const dayMs = 24 * 3600_000

export interface TestIdentity extends SigningIdentity {
  /** To spread into the options of tls.connect. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ciphers?: string }
}

const kinds = {
  /** As vCenter makes it: no EKU, no SAN, nothing but a name. */
  'self-signed': { extensions: [] },
  /** Another vCenter's: same kind, another name and key. */
  'self-signed-other': { commonName: 'kmipClient20270101120000', extensions: [], ownKey: true },
  /** The first one renewed: same name, another key. */
  'self-signed-renewed': { extensions: [], ownKey: true },
  'server-auth-only': { extensions: [extendedKeyUsage('serverAuth')] },
  'client-auth': { extensions: [basicConstraints(false), keyUsage('tls'), extendedKeyUsage('clientAuth')] },
  expired: { extensions: [], fromDays: -400, toDays: -35 },
  'expired-lately': { extensions: [], fromDays: -400, toDays: -3 },
  'not-yet-valid': { extensions: [], fromDays: 3, toDays: 400 },
  ecdsa: { extensions: [], key: 'ec' },
  'rsa-1024': { extensions: [], key: 'rsa-1024' },
  'sha-1': { extensions: [], algorithm: 'sha1WithRSAEncryption' },
  /** Signed by vCenter's own CA, which the server does not know (testVmca()), fit for the default filter. */
  'vmca-signed': { extensions: [basicConstraints(false)], byVmca: true },
  /** The same CA signs every host and service user. */
  'vmca-signed-host': {
    commonName: 'esx01.example.test',
    extensions: [basicConstraints(false)],
    byVmca: true,
  },
  'vmca-signed-expired': { extensions: [basicConstraints(false)], byVmca: true, fromDays: -400, toDays: -35 },
  'vmca-signed-sha-1': { extensions: [], byVmca: true, algorithm: 'sha1WithRSAEncryption' },
  /** A CA below that CA: may sign, but must not be let in itself. */
  'vmca-signed-ca': { extensions: [basicConstraints(true), keyUsage('ca')], byVmca: true },
} as const satisfies Record<string, CertificateOptions>

export type ClientKind = keyof typeof kinds

export const clientKinds = Object.keys(kinds) as readonly ClientKind[]

export interface CertificateOptions {
  /** Attributes by short name, in the order of the certificate; instead of a common name alone. */
  readonly subject?: readonly (readonly [string, string])[]
  readonly commonName?: string
  readonly extensions?: readonly Extension[]
  readonly fromDays?: number
  readonly toDays?: number
  readonly key?: 'rsa' | 'ec' | 'rsa-1024'
  /** Not the key that most of these certificates share. */
  readonly ownKey?: boolean
  /** Those of this one. */
  readonly keyPair?: Pick<SigningIdentity, 'privateKey'>
  readonly algorithm?: SignatureAlgorithm
  readonly byVmca?: boolean
  /** Instead of itself. */
  readonly issuer?: SigningIdentity
}

const made = new Map<string, Promise<TestIdentity>>()

/** The same one whenever asked in this process. */
export function clientCertificate(kind: ClientKind): Promise<TestIdentity> {
  return once(kind, () => makeCertificate(kinds[kind]))
}

/** Like the CA that each vCenter has. */
export function testVmca(): Promise<TestIdentity> {
  return once('vmca', () =>
    makeCertificate({
      subject: vmcaSubject,
      extensions: [basicConstraints(true), keyUsage('ca')],
      ownKey: true,
      toDays: 3650,
    }),
  )
}

const vmcaSubject = [
  ['CN', 'CA'],
  ['DC', 'vsphere'],
  ['DC', 'local'],
  ['C', 'US'],
  ['ST', 'California'],
  ['O', 'vcenter.example.test'],
  ['OU', 'VMware Engineering'],
] as const

/** A CA of ours, to issue servers' and clients' certificates from. */
export function testAuthority(): Promise<TestIdentity> {
  return once('authority', async () =>
    withTls(await makeAuthority({ commonName: 'Mortise test CA', nowMs: Date.now() })),
  )
}

/** A new certificate with the given peculiarities; valid from yesterday for a year unless told otherwise. */
export async function makeCertificate(options: CertificateOptions): Promise<TestIdentity> {
  const keyKind = options.key ?? 'rsa'
  const { publicKey, privateKey } = options.keyPair
    ? pairOf(options.keyPair)
    : await (options.ownKey ? newKeys(keyKind) : sharedKeys(keyKind))
  const subject = makeName(options.subject ?? [['CN', options.commonName ?? 'kmipClient20261125094708']])
  const issuer = options.issuer ?? (options.byVmca ? await testVmca() : undefined)
  const signWith = issuer?.privateKey ?? privateKey
  const der = await signCertificate({
    subject,
    issuer: issuer ? subjectOf(issuer) : subject,
    publicKey,
    notBeforeMs: Date.now() + (options.fromDays ?? -1) * dayMs,
    notAfterMs: Date.now() + (options.toDays ?? 365) * dayMs,
    extensions: options.extensions ?? [],
    signWith,
    algorithm:
      options.algorithm ??
      (signWith.asymmetricKeyType === 'ec' ? 'ecdsa-with-SHA256' : 'sha256WithRSAEncryption'),
  })
  return withTls({ certificate: parseCertificate(der), privateKey })
}

function withTls({ certificate, privateKey }: SigningIdentity): TestIdentity {
  const sha1 = new X509Certificate(certificate.der).signatureAlgorithm?.includes('sha1') ?? false
  return {
    certificate,
    privateKey,
    tls: {
      cert: certificate.pem,
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      // Today's OpenSSL refuses to use these as a client, which old appliances do.
      ...((sha1 || certificate.publicKey === 'RSA 1024') && { ciphers: 'DEFAULT:@SECLEVEL=0' }),
    },
  }
}

function subjectOf({ certificate }: SigningIdentity): Name {
  return AsnConvert.parse(certificate.der, AsnCertificate).tbsCertificate.subject
}

export function makeName(subject: readonly (readonly [string, string])[]): Name {
  return new Name(
    subject.map(([short, utf8String]) => {
      const type = attributeTypes[short] ?? short
      const value = new AttributeValue({ utf8String })
      return new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])
    }),
  )
}

interface Keys {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

function pairOf({ privateKey }: Pick<SigningIdentity, 'privateKey'>): Keys {
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

function newKeys(kind: 'rsa' | 'ec' | 'rsa-1024'): Promise<Keys> {
  if (kind === 'ec') return promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  if (kind === 'rsa') return keptRsaKeys()
  return promisify(generateKeyPair)('rsa', { modulusLength: 1024 })
}

const sharedKeysMade = new Map<string, Promise<Keys>>()

function sharedKeys(kind: 'rsa' | 'ec' | 'rsa-1024'): Promise<Keys> {
  const keys = sharedKeysMade.get(kind) ?? newKeys(kind)
  sharedKeysMade.set(kind, keys)
  return keys
}

function once(name: string, make: () => Promise<TestIdentity>): Promise<TestIdentity> {
  const identity = made.get(name) ?? make()
  made.set(name, identity)
  return identity
}
