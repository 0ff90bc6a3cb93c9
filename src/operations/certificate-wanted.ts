// What Certify and Re-certify ask of a new certificate: a certificate request, and attributes. The parts of a subject, which
// elsewhere only a server sets, may stand among the attributes where there is no certificate request.

import { fromWire1, type AttributeSet } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import type { Request } from '../kmip/operations.ts'
import type { CertifyWanted } from '../keys/certify.ts'
import { subjectPart } from '../keys/certificate-attributes.ts'
import type { Context } from './handler.ts'
import { wantedAttributes } from './wanted-attributes.ts'

type Asking = Request<'Certify'>
type SubjectPart = CertifyWanted['subject'][number]

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
): Promise<Pick<CertifyWanted, 'attributes' | 'subject'>> {
  const subject: SubjectPart[] = []
  const others = (request.TemplateAttribute?.Attribute ?? []).filter((wire) => {
    const { key, value } = fromWire1(wire, context.version)
    const type = subjectPart(key)
    if (type !== undefined) subject.push({ type, value: String(value) })
    return type === undefined
  })
  const names = request.TemplateAttribute?.Name ?? []
  const asked = { ...request, TemplateAttribute: { Name: names, Attribute: others } }
  const attributes = await wantedAttributes(asked, 'Certificate', context)
  requireX509(attributes)
  return { attributes, subject: subject.toSorted((a, b) => placeOf(a) - placeOf(b)) }
}

function requireX509(attributes: AttributeSet): void {
  const type = attributes.get('CertificateType')?.[0]?.value
  if (type !== undefined && type !== 'X_509')
    throw new Fault('FeatureNotSupported', 'this server makes X.509 certificates')
}

/** From the country to the common name, as certificates have them. Others come last. */
const order = ['DC', 'C', 'ST', 'L', 'O', 'OU', 'title', 'UID', 'serialNumber', 'CN', 'emailAddress']

function placeOf({ type }: SubjectPart): number {
  return order.indexOf(type) >>> 0
}
