// The two ways in which a request fails: the server refuses (KmipRefused), or no answer arrives (KmipTransportError).
// This folder throws nothing else, except TypeErrors (for wrong use, and for an object that is not a key in the clear) and, for TLS options
// that cannot be used, TlsOptionsError.

import type { EnumName } from '../../wire/kmip/enums.ts'
import type { ResultReasonName } from '../../wire/kmip/fault.ts'
import type { OperationName } from '../../wire/kmip/operations.ts'
import { addressText, type Address } from '../../base/kmip-address.ts'

/** Mortise keeps a server's Result Message, in reports and conditions, up to this length. */
export const resultMessageCharactersMax = 1_000

/** The server answered one batch item without success. */
export class KmipRefused extends Error {
  override readonly name = 'KmipRefused'
  readonly operation: OperationName
  readonly status: EnumName<'ResultStatus'>
  /** Undefined if the server gave no reason, and for items that the server did not reach. */
  readonly reason: ResultReasonName | undefined
  /**
   * The server's own text, as sent, or the beginning of it. Do not trust it. For an item that the server did not reach, a text of this
   * client.
   */
  readonly resultMessage: string | undefined

  constructor(
    operation: OperationName,
    answer: {
      readonly status: EnumName<'ResultStatus'>
      readonly reason?: ResultReasonName | undefined
      readonly message?: string | undefined
    },
  ) {
    const { status, reason } = answer
    const message = answer.message?.slice(0, resultMessageCharactersMax)
    super(`${operation} was refused: ${reason ?? status}${message === undefined ? '' : ` (${message})`}`)
    this.operation = operation
    this.status = status
    this.reason = reason
    this.resultMessage = message
  }
}

/**
 * How far the request came:
 * - `connect`: no TCP connection
 * - `handshake`: no TLS connection, or one with the wrong server, or the server refused the client's certificate; the server has read no
 *   request
 * - `send`: the connection had ended before the request was sent
 * - `answer`: the request was sent, but no whole answer arrived; the client cannot know whether the server did the request
 * - `protocol`: the bytes received are not an answer to the request
 */
export type Stage = 'connect' | 'handshake' | 'send' | 'answer' | 'protocol'

export class KmipTransportError extends Error {
  override readonly name = 'KmipTransportError'
  readonly stage: Stage
  readonly address: Address
  /** The message without the address. */
  readonly what: string
  /** A code of the system, OpenSSL or Node (`ECONNREFUSED`), or one of ours: TIMEOUT, CLOSED, CUT, WRONG_CERTIFICATE, WEAK_CERTIFICATE. */
  readonly code: string | undefined
  /** Each address's error, in order, if several were tried. */
  readonly attempts: readonly KmipTransportError[]

  constructor(
    stage: Stage,
    address: Address,
    what: string,
    more: {
      readonly code?: string | undefined
      readonly attempts?: readonly KmipTransportError[]
    } & ErrorOptions = {},
  ) {
    super(`${addressText(address)}: ${what}`, more.cause === undefined ? undefined : { cause: more.cause })
    this.stage = stage
    this.address = address
    this.what = what
    this.code = more.code
    this.attempts = more.attempts ?? []
  }
}

/** The server says that it has no object with that identifier. */
export function isNotFound({ reason }: KmipRefused): boolean {
  return reason === 'ItemNotFound' || reason === 'ObjectNotFound'
}

/** Whether an answer came that is not an answer to the request, or whose bytes cannot be read. */
export function isUnreadable(error: unknown): error is KmipTransportError {
  return error instanceof KmipTransportError && error.stage === 'protocol'
}

/** One error for several addresses that all failed. The last address's own error if there was only one. */
export function noneAnswered(attempts: readonly KmipTransportError[]): KmipTransportError {
  const last = attempts.at(-1)
  if (!last) throw new TypeError('no address was tried')
  if (attempts.length === 1) return last
  const others = attempts.slice(0, -1).map(({ message }) => message)
  return new KmipTransportError(
    last.stage,
    last.address,
    `${last.message}; before that ${others.join('; ')}`,
    {
      code: last.code,
      attempts,
      cause: last,
    },
  )
}

/** The meaning of a connection error, in words. Default: the error's own message. */
export function connectionTrouble(error: Error, code: string | undefined): string {
  // Newer versions of OpenSSL write SSL/TLS_ALERT_… for alerts that `troubles` names SSLV3_ALERT_…
  const known = code === undefined ? undefined : troubles[code.replace('SSL/TLS_', 'SSLV3_')]
  return known ?? error.message
}

/** The code of an error of a connection. Node has no code for a chain that OpenSSL finds too weak to check: it becomes WEAK_CERTIFICATE. */
export function connectionCode(error: Error): string | undefined {
  if (!('code' in error) || typeof error.code !== 'string') return undefined
  return error.code === 'UNSPECIFIED' && error.message.endsWith('too weak') ? 'WEAK_CERTIFICATE' : error.code
}

const troubles: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'there is no route to that host',
  ENETUNREACH: 'there is no route to that network',
  ENOTFOUND: 'the name does not exist',
  EAI_AGAIN: 'the name could not be resolved',
  ETIMEDOUT: 'no answer',
  EPIPE: 'the connection had ended',
  EADDRNOTAVAIL: 'this machine does not have the source address',
  EMFILE: 'too many open connections in this process',
  ERR_TLS_CERT_ALTNAME_INVALID: "the name is not in the server's certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is not signed by the given CA",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not signed by the given CA",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is signed by itself, not by the given CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is not signed by the given CA",
  WEAK_CERTIFICATE:
    "a CA cannot vouch for the server's certificate: its key is short, or it is signed with SHA-1 or MD5",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  ERR_SSL_NO_SHARED_CIPHER: 'the two have no TLS cipher suite in common',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'the server found no TLS cipher suite in common, or requires another certificate',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the server does not speak this version of TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the server offers no version of TLS that this client accepts',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the server does not know the client's certificate",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "the server refuses the client's certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the server says that the client's certificate has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the server refuses the client's certificate",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server asks for a client certificate',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the service at that address does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the service at that address does not speak TLS',
}
