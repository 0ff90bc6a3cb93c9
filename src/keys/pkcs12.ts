// A private key as a PKCS#12 container (KMIP 1.4 §4.11): with its certificates, protected by the password to which its PKCS#12
// Password Link leads. The use of the password has an audit entry of its own.

import { first } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import type { KeyBlock } from '../kmip/objects.ts'
import { limits } from '../limits.ts'
import type { FetchedObject } from './fetch-object.ts'
import { inFormat } from './asymmetric-key.ts'
import { linksOf } from './links.ts'
import { currentState, type ManagedObject } from './managed-object.ts'
import type { TransactionObjects } from './transaction-objects.ts'

/** Throws Faults. */
export async function asPkcs12(
  objects: TransactionObjects,
  { uniqueIdentifier, objectType, attributes, material }: FetchedObject,
): Promise<KeyBlock> {
  const format = material.head.keyFormatType ?? 'Raw'
  const key = { isPrivate: true, format, bytes: material.bytes }
  const privateKey =
    objectType === 'PrivateKey' && !material.head.wrapping ? inFormat(key, 'PKCS_8') : undefined
  if (!(privateKey instanceof Buffer))
    throw new Fault(
      'KeyFormatTypeNotSupported',
      'only a private key that this server can read is given as PKCS#12',
    )
  objects.staged.opened(privateKey)
  const certificates = await chain(objects, attributes)
  const password = await passwordOf(objects, uniqueIdentifier, attributes)
  const container = await objects.compute('write-pkcs12', {
    privateKey,
    certificates,
    password,
    friendlyName: first(attributes, 'PKCS_12FriendlyName') ?? 'alias',
  })
  objects.staged.done({ detail: { of: uniqueIdentifier, certificates: certificates.length } })
  return { KeyFormatType: 'PKCS_12', KeyValue: container }
}

type Attributes = FetchedObject['attributes']

/** The certificates from that of the key on: by PKCS#12 Certificate Links, or by those of the public key and its certificates. */
async function chain(objects: TransactionObjects, attributes: Attributes): Promise<readonly Uint8Array[]> {
  const direct = linksOf(attributes, 'PKCS_12CertificateLink')
  const [type, begin] =
    direct.length > 0
      ? (['PKCS_12CertificateLink', direct] as const)
      : (['CertificateLink', await publicLinks(objects, attributes)] as const)
  const certificates: Uint8Array[] = []
  const seen = new Set<string>()
  for (let links = begin; links.length > 0;) {
    const [id = '', ...others] = links
    if (others.length > 0)
      throw new Fault('InvalidField', 'the certificates of the key form more than one chain')
    if (seen.has(id) || seen.size === limits.certificateChainMax) break
    seen.add(id)
    const certificate = await objects.live(id)
    if (certificate.objectType !== 'Certificate')
      throw new Fault('InvalidField', 'a Certificate Link of the key leads to an object of another type')
    certificates.push((await objects.open(certificate)).bytes)
    links = linksOf(certificate.attributes, type)
  }
  return certificates
}

async function publicLinks(objects: TransactionObjects, attributes: Attributes): Promise<readonly string[]> {
  const own = linksOf(attributes, 'CertificateLink')
  const [publicKey] = linksOf(attributes, 'PublicKeyLink')
  if (own.length > 0 || publicKey === undefined) return own
  return linksOf((await objects.live(publicKey)).attributes, 'CertificateLink')
}

async function passwordOf(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  attributes: Attributes,
): Promise<Uint8Array> {
  const [link, ...others] = linksOf(attributes, 'PKCS_12PasswordLink')
  if (link === undefined || others.length > 0)
    throw new Fault('InvalidField', 'the private key needs one PKCS#12 Password Link')
  objects.staged.begin('key.wrap', link)
  const password: ManagedObject = await objects.live(link)
  const { bytes, head } = await objects.open(password)
  objects.staged.opened(bytes)
  if (password.objectType !== 'SecretData' || head.secretDataType !== 'Password' || head.wrapping)
    throw new Fault('InvalidField', 'the PKCS#12 Password Link does not lead to a password')
  if (currentState(password, objects.staged.nowMs) !== 'Active')
    throw new Fault(
      'PermissionDenied',
      `the password of ${uniqueIdentifier} is not Active: activate it first`,
    )
  return bytes
}
