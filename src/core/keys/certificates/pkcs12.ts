// A private key as a PKCS#12 container (KMIP 1.4 §4.3, §4.11): with its certificates, under the password of its PKCS#12 Password
// Link. Get returns such containers, and Register and Import accept them. Each use of the password has its own audit entry.

import { first } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { KeyBlock } from '../../../wire/kmip/objects.ts'
import { certificateChainMax } from '../../../base/bounds.ts'
import type { FetchedObject } from '../acts/fetch-object.ts'
import { actualFormat, inFormat } from '../forms/asymmetric-key.ts'
import { broughtCertificate, broughtObject, type BroughtObject } from '../forms/brought-object.ts'
import { describedBy } from '../forms/described-object.ts'
import { importObject, type ImportRequest } from '../acts/import-object.ts'
import { linksOf, linkTo, withSoleLink } from '../object/links.ts'
import { currentState, withAttribute, type ManagedObject } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

/** The container's bytes. Throws Faults. */
export async function asPkcs12(
  objects: TransactionObjects,
  { uniqueIdentifier, objectType, attributes, material }: FetchedObject,
): Promise<Uint8Array> {
  const format = actualFormat(true, material.head.keyFormatType ?? 'Raw', material.bytes)
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
  const password = await passwordOf(objects, 'key.wrap', attributes)
  const container = await objects.compute('write-pkcs12', {
    privateKey,
    certificates,
    password,
    friendlyName: first(attributes, 'PKCS_12FriendlyName') ?? 'alias',
  })
  objects.staged.done({ detail: { of: uniqueIdentifier, certificates: certificates.length } })
  return container
}

type Attributes = FetchedObject['attributes']

/** The certificates, beginning with the key's: by PKCS#12 Certificate Links, or by the links of the public key and its certificates. */
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
    if (seen.has(id) || seen.size === certificateChainMax) break
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
  action: 'key.wrap' | 'key.unwrap',
  attributes: Attributes,
): Promise<Uint8Array> {
  const [link, ...others] = linksOf(attributes, 'PKCS_12PasswordLink')
  if (link === undefined || others.length > 0)
    throw new Fault('InvalidField', 'the private key needs one PKCS#12 Password Link')
  objects.staged.begin(action, link)
  const password: ManagedObject = await objects.live(link)
  const { bytes, head } = await objects.open(password)
  objects.staged.opened(bytes)
  if (password.objectType !== 'SecretData' || head.secretDataType !== 'Password' || head.wrapping)
    throw new Fault('InvalidField', 'the PKCS#12 Password Link does not lead to a password')
  if (currentState(password, objects.staged.nowMs) !== 'Active')
    throw new Fault(
      'WrongKeyLifecycleState',
      'the password of the private key is not Active: activate it first',
    )
  return bytes
}

// ---------------------------------------------------------------- Register and Import

export type ContainerRequest = Omit<Pkcs12Request, 'attributes'>
export type ImportedKey = Omit<ImportRequest, 'brought'>

export interface Pkcs12Request {
  readonly container: Uint8Array
  /** The key's algorithm and length in the Key Block. */
  readonly stated: Pick<KeyBlock, 'CryptographicAlgorithm' | 'CryptographicLength'>
  /** The client's attributes, checked by the attribute rules. */
  readonly attributes: Attributes
}

/**
 * Stores the private key of a container as PKCS#8, and its certificates as separate objects, each linked from the one before.
 * Returns the key's identifier. Throws Faults.
 */
export async function registerPkcs12(objects: TransactionObjects, request: Pkcs12Request): Promise<string> {
  const { staged } = objects
  const { brought, attributes: own, content } = await opened(objects, request)
  const linked = withChain(own, await keepChain(objects, content))
  staged.begin('key.register', null)
  const described = {
    objectType: 'PrivateKey',
    attributes: describedBy(linked, 'PrivateKey', brought),
  } as const
  const object = await objects.keep(described, brought.material, false)
  staged.done({ object, detail: { objectType: 'PrivateKey' } })
  return object
}

/**
 * Stores them under the client's identifier, and with all the client's attributes. An existing key, or one that states its
 * certificates, gets none from the container. Throws Faults.
 */
export async function importPkcs12(
  objects: TransactionObjects,
  request: ContainerRequest,
  key: ImportedKey,
): Promise<void> {
  const {
    brought,
    attributes: own,
    content,
  } = await opened(objects, { ...request, attributes: key.attributes })
  const here = await objects.staged.load(key.uniqueIdentifier)
  const isLinked = linksOf(own, 'PKCS_12CertificateLink').length > 0
  const attributes = here || isLinked ? own : withChain(own, await keepChain(objects, content))
  await importObject(objects, { ...key, attributes, brought })
}

interface Content {
  readonly certificates: readonly Uint8Array[]
  readonly friendlyName?: string | undefined
}

/** The private key and the certificates of a container, and the attributes of the key with its name in the container. */
async function opened(
  objects: TransactionObjects,
  { container, stated, attributes: requestAttributes }: Pkcs12Request,
): Promise<{ readonly brought: BroughtObject; readonly attributes: Attributes; readonly content: Content }> {
  const { staged } = objects
  const password = await passwordOf(objects, 'key.unwrap', requestAttributes)
  const content = await objects.compute('read-pkcs12', {
    container,
    password,
    friendlyName: first(requestAttributes, 'PKCS_12FriendlyName'),
  })
  staged.opened(content.privateKey)
  staged.done({ detail: { bytes: container.length, certificates: content.certificates.length } })
  const { friendlyName } = content
  const attributes =
    friendlyName === undefined
      ? requestAttributes
      : withAttribute(requestAttributes, 'PKCS_12FriendlyName', friendlyName)
  const KeyValue = { KeyMaterial: content.privateKey }
  const brought = broughtObject('PrivateKey', {
    PrivateKey: { KeyBlock: { KeyFormatType: 'PKCS_8', KeyValue, ...stated } },
  })
  return { brought, attributes, content }
}

/** The identifier of the key's certificate; undefined: the container has none. */
async function keepChain(
  objects: TransactionObjects,
  { certificates, friendlyName }: Content,
): Promise<string | undefined> {
  let above: string | undefined
  for (const [index, der] of [...certificates.entries()].toReversed())
    above = await keepCertificate(objects, der, {
      above,
      friendlyName: index === 0 ? friendlyName : undefined,
    })
  return above
}

function withChain(attributes: Attributes, certificate: string | undefined): Attributes {
  return certificate === undefined
    ? attributes
    : withSoleLink(attributes, linkTo('PKCS_12CertificateLink', certificate))
}

/** `above`: the certificate of its issuer. */
async function keepCertificate(
  objects: TransactionObjects,
  der: Uint8Array,
  { above, friendlyName }: { readonly above: string | undefined; readonly friendlyName: string | undefined },
): Promise<string> {
  objects.staged.begin('key.register', null)
  const brought = broughtCertificate(der)
  const described = describedBy(new Map(), 'Certificate', brought)
  const named = withAttribute(described, 'PKCS_12FriendlyName', friendlyName)
  const attributes =
    above === undefined ? named : withSoleLink(named, linkTo('PKCS_12CertificateLink', above))
  const object = await objects.keep({ objectType: 'Certificate', attributes }, brought.material, false)
  objects.staged.done({ object, detail: { objectType: 'Certificate' } })
  return object
}
