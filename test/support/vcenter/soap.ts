// SOAP as vCenter speaks it: envelopes, references to managed objects, faults. It does not know any method.

import {
  at,
  childrenOf,
  element,
  localName,
  parseXml,
  textAt,
  typed,
  typeOf,
  writeXml,
  type Xml,
} from './xml.ts'

/** A managed object. */
export interface Ref {
  readonly type: string
  readonly value: string
}

/** A fault of vCenter's API, which becomes a SOAP fault or the error of a task. */
export class VimFault extends Error {
  override readonly name = 'VimFault'
  /** `InvalidArgument` */
  readonly type: string
  readonly fields: readonly Xml[]

  constructor(type: string, message: string, fields: readonly Xml[] = []) {
    super(message)
    this.type = type
    this.fields = fields
  }
}

export function invalidArgument(invalidProperty: string, message: string): VimFault {
  return new VimFault('InvalidArgument', message, [element('invalidProperty', invalidProperty)])
}

export const vim = 'urn:vim25'
export const vsan = 'urn:vsan'

/** The element of the method, or of its answer: the first one in the body. */
export function bodyOf(text: string): Xml {
  const body = parseXml(text).children.find((child) => localName(child) === 'Body')
  const [first] = body?.children ?? []
  if (!first) throw new Error('the envelope has no body')
  return first
}

/** The values that a method returned. Throws VimFault for a fault. */
export function returnedValues(answer: string): readonly Xml[] {
  const body = bodyOf(answer)
  if (localName(body) !== 'Fault') return childrenOf(body, 'returnval')
  const [detail] = at(body, 'detail')?.children ?? []
  const type = (detail && typeOf(detail)) ?? 'RuntimeFault'
  throw new VimFault(type, textAt(body, 'faultstring') ?? '', detail?.children ?? [])
}

export function envelope(body: Xml): string {
  const outside = element('soapenv:Envelope', [element('soapenv:Body', [body])], namespaces)
  return `<?xml version="1.0" encoding="UTF-8"?>\n${writeXml(outside)}`
}

const namespaces = {
  'xmlns:soapenc': 'http://schemas.xmlsoap.org/soap/encoding/',
  'xmlns:soapenv': 'http://schemas.xmlsoap.org/soap/envelope/',
  'xmlns:xsd': 'http://www.w3.org/2001/XMLSchema',
  'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
}

export function requestEnvelope(
  namespace: string,
  method: string,
  self: Ref,
  parameters: readonly (Xml | undefined)[],
): string {
  return envelope(element(method, [reference('_this', self), ...parameters], { xmlns: namespace }))
}

export function responseEnvelope(namespace: string, method: string, values: readonly Xml[]): string {
  return envelope(element(`${method}Response`, values, { xmlns: namespace }))
}

export function faultEnvelope(fault: VimFault): string {
  const detail = element(`${fault.type}Fault`, fault.fields, { xmlns: vim, 'xsi:type': fault.type })
  return envelope(
    element('soapenv:Fault', [
      element('faultcode', 'ServerFaultCode'),
      element('faultstring', fault.message),
      element('detail', [detail]),
    ]),
  )
}

/** A fault as a field: the error of a task, the fault of a result. */
export function localizedFault(name: string, { type, fields, message }: VimFault): Xml {
  return element(name, [typed('fault', type, fields), element('localizedMessage', message)])
}

export function reference(name: string, { type, value }: Ref): Xml {
  return element(name, value, { type })
}

/** The object that an element names. */
export function refOf(xml: Xml | undefined): Ref | undefined {
  const type = xml?.attributes['type']
  return xml === undefined || type === undefined ? undefined : { type, value: xml.text }
}
