// What a method of the proxy gets and returns. listener.ts makes calls of requests; the tables of methods answer them.

import type { OutgoingHttpHeaders } from 'node:http'
import { invalidArgument, refOf, type Ref } from './soap.ts'
import { at, textAt, type Xml } from './xml.ts'

/** A request of a client. */
export interface SoapCall {
  /** The element of the method. */
  readonly request: Xml
  /** The object whose method is called. */
  readonly self: Ref
  /** Passes the request on to vcsim, or a changed one in its place. */
  pass(request?: Xml): Promise<PassedAnswer>
}

/** An answer of vcsim, whole. */
export interface PassedAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  /** The element of the answer, or the SOAP fault. */
  readonly body: Xml
}

/** Returns values, each an element `returnval`, or what vcsim answered. Rejects with VimFault. */
export type Method = (call: SoapCall) => Promise<readonly Xml[] | PassedAnswer>

export interface MethodEntry {
  /**
   * `own`: vcsim may not see the request, so the listener asks it first whether the session is alive. `passed`: the method passes the
   * request on, and vcsim looks at the session.
   */
  readonly kind: 'own' | 'passed'
  readonly run: Method
}

export type Methods = Readonly<Record<string, MethodEntry>>

export function own(run: Method): MethodEntry {
  return { kind: 'own', run }
}

export function passed(run: Method): MethodEntry {
  return { kind: 'passed', run }
}

export function isSuccess({ status }: PassedAnswer): boolean {
  return status === 200
}

/** A text that the request must have. Throws VimFault. */
export function requiredText({ request }: SoapCall, ...path: readonly string[]): string {
  const text = textAt(request, ...path)
  if (text === undefined) throw absent(path)
  return text
}

/** An object that the request must name. Throws VimFault. */
export function requiredRef({ request }: SoapCall, ...path: readonly string[]): Ref {
  const ref = refOf(at(request, ...path))
  if (!ref) throw absent(path)
  return ref
}

function absent(path: readonly string[]): Error {
  return invalidArgument(path.join('.'), 'A required parameter is missing.')
}
