// A core with key pairs, CAs and certificates of one instance, for the acts of Certify and Re-certify.

import { X509Certificate } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { CertifyRequest } from '../../../src/core/keys/certificates/certify.ts'
import { linkTo, type Link } from '../../../src/core/keys/object/links.ts'
import { maskOf, type MaskName } from '../../../src/wire/kmip/enums.ts'
import { attributeSet, openCoreWithClient } from '../../support/server/core.ts'

type Values = Readonly<Record<string, unknown>>

export const ec = { CryptographicAlgorithm: 'EC', CryptographicLength: 256 } as const

export const mask = (...names: readonly MaskName<'CryptographicUsageMask'>[]) =>
  maskOf('CryptographicUsageMask', names)

export async function openCertifying(t: TestContext) {
  const site = await openCoreWithClient(t)
  const { perform } = site
  /** The private key is Active, unless it says otherwise. */
  const pair = (privateKey: Values = {}, publicKey: Values = {}, common: Values = ec) =>
    perform((work) =>
      work.createKeyPair({
        privateKey: attributeSet({ ...common, ActivationDate: 0n, ...privateKey }),
        publicKey: attributeSet({ ...common, ...publicKey }),
      }),
    )
  const certify = (
    uniqueIdentifier: string | undefined,
    how: Partial<CertifyRequest>,
    attributes: Values = {},
  ) =>
    perform((work) =>
      work.certificates.certify({
        uniqueIdentifier,
        request: undefined,
        subject: [],
        attributes: attributeSet(attributes),
        ...how,
      }),
    )
  /** A CA that signed itself, with the link by which requests name it. */
  const authority = async (common: Values = ec, privateKey: Values = {}, certificate: Values = {}) => {
    const signs = { CryptographicUsageMask: mask('CertificateSign') }
    const made = await pair({ ...signs, ...privateKey }, signs, common)
    const id = await certify(made.publicKey, { subject: [{ type: 'CN', value: 'CA' }] }, certificate)
    return { ...made, certificate: id, link: linkTo('CertificateLink', id) }
  }
  const x509 = (id: string) =>
    perform(async (work) => new X509Certificate(Buffer.from((await work.fetch(id)).material.bytes)))
  const attributes = (id: string) => perform((work) => work.attributes('key.attributes', id))
  const links = async (id: string) =>
    ((await attributes(id)).get('Link') ?? []).map(({ value }) => {
      const { LinkType, LinkedObjectIdentifier } = value as Link
      return `${LinkType} ${LinkedObjectIdentifier}`
    })
  return { ...site, pair, certify, authority, x509, attributes, links }
}
