// Reads from a Certify or Re-certify the certificate request and attributes of the new certificate. The parts of a subject, which
// otherwise only a server sets, may be among the attributes if there is no certificate request.

import { findKey, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import type { CertifyRequest } from '../keys/certificates/certify.ts'
import { subjectPart } from '../keys/forms/certificate-attributes.ts'
import type { Context } from './handler.ts'
import { wantedAttributes } from './wanted-attributes.ts'
import { givenAttributes } from './wire-attributes.ts'

type Asking = Request<'Certify'>
type SubjectPart = CertifyRequest['subject'][number]

/** PKCS#10, in DER or PEM. Throws Faults. */
export function certificateRequest({
  CertificateRequestType: type,
  CertificateRequest,
  CertificateRequestValue,
}: Asking): Uint8Array | undefined {
  const request = CertificateRequest ?? CertificateRequestValue
  if (!request) return undefined
  if (type === undefined)
    throw new Fault('InvalidField', 'a Certificate Request needs the Certificate Request Type')
  if (type === 'PKCS_10' || type === 'PEM') return request
  throw new Fault(
    'FeatureNotSupported',
    `this server takes certificate requests of the types PKCS#10 and PEM, not ${type}`,
  )
}

export async function certifiedAttributes(
  request: Asking,
  context: Pick<Context, 'transaction' | 'version'>,
): Promise<Pick<CertifyRequest, 'attributes' | 'subject'>> {
  const { TemplateAttribute: template, Attributes } = request
  const all = givenAttributes({ Attribute: template?.Attribute, Attributes }, context.version)
  const subject = all.flatMap(({ key, value }): readonly SubjectPart[] => {
    const type = subjectPart(key)
    return type === undefined ? [] : [{ type, value: String(value) }]
  })
  const attributes = await wantedAttributes(withoutSubject(request), 'Certificate', context)
  requireX509(attributes)
  return { attributes, subject: subject.toSorted((a, b) => placeOf(a) - placeOf(b)) }
}

function withoutSubject({ TemplateAttribute: template, Attributes }: Asking): Partial<Asking> {
  return {
    ...(template && {
      TemplateAttribute: {
        ...template,
        Attribute: template.Attribute.filter(({ AttributeName }) => isOther(findKey(AttributeName))),
      },
    }),
    ...(Attributes && {
      Attributes: Object.fromEntries(
        Object.entries(Attributes).filter(([key]) => isOther(key)),
      ) as typeof Attributes,
    }),
  }
}

function isOther(key: string | undefined): boolean {
  return key === undefined || subjectPart(key) === undefined
}

function requireX509(attributes: AttributeSet): void {
  const type = attributes.get('CertificateType')?.[0]?.value
  if (type !== undefined && type !== 'X_509')
    throw new Fault('FeatureNotSupported', 'this server makes X.509 certificates')
}

/** In the order of certificates, from the country to the common name. Other parts come last. */
const order = ['DC', 'C', 'ST', 'L', 'O', 'OU', 'title', 'UID', 'serialNumber', 'CN', 'emailAddress']

function placeOf({ type }: SubjectPart): number {
  return order.indexOf(type) >>> 0
}
