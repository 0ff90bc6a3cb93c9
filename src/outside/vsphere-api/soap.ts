// SOAP as vCenter speaks it: the envelope of a call, what an answer returns, and faults as errors for people, with what vCenter says,
// bounded and cleaned. It knows no method.

import { VsphereError } from './errors.ts'
import { elementAt, elementsOf, ref, textAt, type Ref } from './values.ts'
import { writeXml, xml, type XmlElement, type XmlNode } from './xml.ts'

export interface SoapCall {
  /** `vsan`: the API of vSAN. Left out: `vim25`. */
  readonly namespace?: 'vim25' | 'vsan'
  readonly method: string
  readonly self: Ref
  /** In the order of the method's schema. */
  readonly args: readonly XmlNode[]
}

/** The request, in UTF-8. The caller wipes it. Throws TypeError for a text that XML cannot carry. */
export function soapRequest({ namespace = 'vim25', method, self, args }: SoapCall): Buffer {
  const call = xml(method, [ref('_this', self), ...args], { xmlns: `urn:${namespace}` })
  return writeXml(xml('soapenv:Envelope', [xml('soapenv:Body', [call])], namespaces))
}

/** The place of a method's answer, from the root down. */
export function answerPlace(method: string): readonly string[] {
  return ['Envelope', 'Body', `${method}Response`]
}

/**
 * The element of the answer. Throws VsphereError for a fault, and for what is not an answer to this method. With `hasSecret` the error
 * leaves out vCenter's words.
 */
export function soapAnswer(
  { method, hasSecret = false }: { readonly method: string; readonly hasSecret?: boolean },
  root: XmlElement,
): XmlElement {
  const body = root.name === 'Envelope' ? elementAt(root, 'Body') : undefined
  const fault = elementAt(body, 'Fault')
  if (fault) {
    const words = hasSecret ? '' : (textAt(fault, 'faultstring') ?? '')
    throw faultError(method, elementAt(fault, 'detail')?.children[0], words)
  }
  // vcsim answers MarkDefault with the element of SetDefaultKmsCluster.
  const answer = body?.children.find(({ name }) => name.endsWith('Response'))
  if (!answer) throw new VsphereError('answer', `What answers ${method} is not vCenter's API`)
  return answer
}

/** The values that a method returns. */
export function returnValues(answer: XmlElement): readonly XmlElement[] {
  return elementsOf(answer, 'returnval')
}

/** The error for a fault of vCenter: its detail, an element of the fault's class, and its text. */
export function faultError(call: string, detail: XmlElement | undefined, text: string): VsphereError {
  const fault = faultName(detail)
  const words = vcenterWords(text)
  const said = [fault, words].filter((part) => part !== undefined && part !== '').join(': ')
  const message = `vCenter refuses ${call}: ${said === '' ? 'it gives no reason' : said}`
  if (fault === 'NoPermission') return privilegeError(message, detail)
  return new VsphereError(loginFaults.has(fault ?? '') ? 'login' : 'fault', message, {
    fault,
    hint: hints[fault ?? ''],
  })
}

/** Text of vCenter for a message: on one line, without control and format characters, at most 500 characters. */
export function vcenterWords(text: string): string {
  const line = text
    .slice(0, 4 * wordsMax)
    .replace(/[\p{Cc}\p{Cf}\p{Surrogate}\u2028\u2029\s]+/gu, ' ')
    .trim()
  return line.length <= wordsMax ? line : `${line.slice(0, wordsMax)}...`
}

const namespaces = {
  'xmlns:soapenv': 'http://schemas.xmlsoap.org/soap/envelope/',
  'xmlns:xsd': 'http://www.w3.org/2001/XMLSchema',
  'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
}

// ------------------------------------------------------------ Faults

const wordsMax = 500
/** The objects, and the privileges of each, that a message names. */
const lacksMax = 10
const loginFaults: ReadonlySet<string> = new Set(['InvalidLogin', 'PasswordExpired', 'NotAuthenticated'])

const hints: Readonly<Record<string, string | undefined>> = {
  InvalidLogin:
    'Check the user name, with its domain, and the password. The password may have expired, and vCenter locks an account after five failures.',
  PasswordExpired: 'Set a new password for the user in vCenter.',
}

/** vCenter names all privileges since 7.0.3.2; older ones name the first. */
function privilegeError(message: string, detail: XmlElement | undefined): VsphereError {
  const missing = elementsOf(detail, 'missingPrivileges').slice(0, lacksMax)
  const lacks = missing.map((one) => lackText(elementsOf(one, 'privilegeIds'), elementAt(one, 'entity')))
  const oldLack = lackText(elementsOf(detail, 'privilegeId'), elementAt(detail, 'object'))
  const lacking = (lacks.some((lack) => lack !== '') ? lacks : [oldLack]).filter((lack) => lack !== '')
  if (lacking.length === 0) return new VsphereError('privilege', message, { fault: 'NoPermission' })
  const list = vcenterWords(lacking.join('; '))
  const hint = `Give the user a role with ${list} in vCenter.`
  return new VsphereError('privilege', `${message} (the user lacks ${list})`, { fault: 'NoPermission', hint })
}

/** '' where there is no privilege. */
function lackText(privileges: readonly XmlElement[], object: XmlElement | undefined): string {
  const ids = privileges.slice(0, lacksMax).map(({ text }) => text)
  if (ids.length === 0) return ''
  return ids.join(', ') + (object ? ` on ${object.type ?? ''} ${object.text}` : '')
}

/** The class of a fault; without one, the name of its element, which ends in Fault. */
function faultName(detail: XmlElement | undefined): string | undefined {
  const name = detail?.class ?? detail?.name.replace(/Fault$/, '')
  return name !== undefined && /^\w{1,100}$/.test(name) ? name : undefined
}
