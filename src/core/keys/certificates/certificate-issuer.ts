// Finds the issuer of a certificate and has it sign: a CA whose certificate and private key are objects of the same instance. The
// request names the CA's certificate by a Link of the type Certificate Link, which for a certificate is its parent in the chain
// (KMIP 1.4 §3.35). The use of the private key follows the rules of every use, and each use has its own audit entry.

import { signingAlgorithm, type Issuer, issuerIn } from '../../pki/certify.ts'
import type { UnsignedCertificate } from '../../pki/build.ts'
import type { SignatureAlgorithm } from '../../pki/signatures.ts'
import type { SignatureScheme } from '../../crypto/asymmetric.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { faultOf } from '../transaction/crypto-fault.ts'
import { unusable, usableKey } from '../use/key-bytes.ts'
import { linksOf } from '../object/links.ts'
import { currentState, type ManagedObject, type ObjectType } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { spendUsage } from '../object/usage-limits.ts'

export interface FoundIssuer extends Issuer {
  /** Names the CA's certificate. */
  readonly uniqueIdentifier: string
  readonly der: Uint8Array
  readonly privateKey: string
  readonly algorithm: SignatureAlgorithm
}

/** Returns an object of this type that may take part: not destroyed, archived, deactivated or compromised. Throws Faults. */
export async function unrevoked(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  objectType: ObjectType,
): Promise<ManagedObject> {
  const object = await objects.live(uniqueIdentifier)
  if (object.objectType !== objectType)
    throw new Fault(
      'InvalidObjectType',
      `an object of type ${objectType} is needed, and this is one of type ${object.objectType}`,
    )
  const state = currentState(object, objects.staged.nowMs)
  if (state !== 'PreActive' && state !== 'Active')
    throw new Fault('WrongKeyLifecycleState', `the object of type ${objectType} is ${state}`)
  return object
}

/** Returns a stored X.509 certificate, with its DER. Throws Faults. */
export async function storedX509(
  objects: TransactionObjects,
  uniqueIdentifier: string,
): Promise<{ readonly object: ManagedObject; readonly der: Buffer }> {
  const object = await unrevoked(objects, uniqueIdentifier, 'Certificate')
  const { bytes, head } = await objects.open(object)
  if (head.certificateType !== 'X_509')
    throw new Fault('InvalidObjectType', 'the certificate is not an X.509 certificate')
  return { object, der: bytes }
}

/** Throws Faults and PkiErrors. */
export async function issuerOf(objects: TransactionObjects, uniqueIdentifier: string): Promise<FoundIssuer> {
  const { object, der } = await storedX509(objects, uniqueIdentifier)
  const issuer = issuerIn(der)
  const { nowMs } = objects.staged
  if (nowMs < issuer.notBeforeMs || nowMs > issuer.notAfterMs)
    throw new Fault('PermissionDenied', 'the certificate of the issuer is not in date')
  const algorithm = algorithmFor(issuer.publicKey)
  return { ...issuer, uniqueIdentifier, der, algorithm, privateKey: await privateHalf(objects, object) }
}

/** Throws Fault InvalidField for a key that signs no certificates. */
export function algorithmFor(key: Issuer['publicKey']): SignatureAlgorithm {
  const algorithm = signingAlgorithm(key)
  if (algorithm) return algorithm
  throw new Fault(
    'InvalidField',
    'certificates are signed by RSA, by ECDSA on P-256, P-384 and P-521, or by Ed25519',
  )
}

/** The identifier of the private key that belongs to a certificate or a public key. Throws Fault ObjectNotFound. */
export async function privateHalf(objects: TransactionObjects, object: ManagedObject): Promise<string> {
  const [own] = linksOf(object.attributes, 'PrivateKeyLink')
  if (own !== undefined) return own
  const [open] = linksOf(object.attributes, 'PublicKeyLink')
  const publicKey = open === undefined ? undefined : await objects.live(open)
  // Clients set links. A chain of certificates' links could be an endless circle, so this follows one link only.
  if (publicKey?.objectType === 'PublicKey' && object.objectType === 'Certificate')
    return privateHalf(objects, publicKey)
  throw new Fault(
    'ObjectNotFound',
    `the issuer's ${object.objectType} leads to no private key: add a Link of the type Private Key Link to it`,
  )
}

/** Returns the DER of the certificate, signed by the private key of an issuer. `of`: the new certificate, for the audit. Throws Faults. */
export async function signed(
  objects: TransactionObjects,
  unsigned: UnsignedCertificate,
  by: { readonly privateKey: string; readonly algorithm: SignatureAlgorithm; readonly of: string },
): Promise<Uint8Array> {
  const { staged } = objects
  const { content } = unsigned
  staged.beginWithin('key.sign', by.privateKey)
  const object = await objects.live(by.privateKey)
  if (object.objectType !== 'PrivateKey') throw unusable(object.objectType)
  await objects.requireUse(object, 'CertificateSign')
  const attributes = spendUsage(object.attributes, { bytes: content.length, objects: 1 })
  if (attributes) await objects.stage(object, { ...object, attributes })
  const key = await usableKey(objects, object)
  if (!('asymmetric' in key)) throw unusable(object.objectType)
  try {
    const opening = { kind: 'signature', key: key.asymmetric, scheme: schemes[by.algorithm] } as const
    const { data } = await objects.compute('whole', { opening, data: content, ending: {} })
    staged.done({ detail: { of: by.of, bytes: content.length } })
    return unsigned.complete(data ?? Buffer.of())
  } catch (error) {
    throw faultOf(error)
  }
}

const rsa = (hash: string): SignatureScheme => ({ scheme: 'rsa', padding: 'PKCS1V1_5', hash })
const ec = (hash?: string): SignatureScheme => ({ scheme: 'ec', hash })

const schemes: Readonly<Record<SignatureAlgorithm, SignatureScheme>> = {
  sha1WithRSAEncryption: rsa('sha1'),
  sha256WithRSAEncryption: rsa('sha256'),
  sha384WithRSAEncryption: rsa('sha384'),
  sha512WithRSAEncryption: rsa('sha512'),
  'ecdsa-with-SHA1': ec('sha1'),
  'ecdsa-with-SHA256': ec('sha256'),
  'ecdsa-with-SHA384': ec('sha384'),
  'ecdsa-with-SHA512': ec('sha512'),
  Ed25519: ec(),
}
