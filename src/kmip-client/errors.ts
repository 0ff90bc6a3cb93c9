// The two ways in which a request fails: the server says no (KmipRefused), or no answer can be had
// (KmipTransportError). Nothing else comes out of this folder but TypeErrors for wrong use.

import type { EnumName } from '../kmip/enums.ts'
import type { ResultReasonName } from '../kmip/fault.ts'
import type { OperationName } from '../kmip/operations.ts'
import { addressText } from './address.ts'
import type { Address } from './address.ts'

/** The server's answer to one batch item was no success. */
export class KmipRefused extends Error {
  override readonly name = 'KmipRefused'
  readonly operation: OperationName
  readonly status: EnumName<'ResultStatus'>
  /** Undefined where the server gave none, and for items that it did not come to. */
  readonly reason: ResultReasonName | undefined
  /** The server's own words, as sent: a stranger's text. */
  readonly resultMessage: string | undefined

  constructor(
    operation: OperationName,
    answer: {
      readonly status: EnumName<'ResultStatus'>
      readonly reason?: ResultReasonName | undefined
      readonly message?: string | undefined
    },
  ) {
    const { status, reason, message } = answer
    super(`${operation} was refused: ${reason ?? status}${message === undefined ? '' : ` (${message})`}`)
    this.operation = operation
    this.status = status
    this.reason = reason
    this.resultMessage = message
  }
}

/**
 * How far it came:
 * - `connect`: no TCP connection
 * - `handshake`: no TLS connection, or one with a server that is not the right one; nothing was sent
 * - `send`: the connection had ended before the request was sent
 * - `answer`: sent, and no whole answer came: whether it was done is not known
 * - `protocol`: what came is no answer to what was asked
 */
export type Stage = 'connect' | 'handshake' | 'send' | 'answer' | 'protocol'

export class KmipTransportError extends Error {
  override readonly name = 'KmipTransportError'
  readonly stage: Stage
  readonly address: Address
  /** The message without the address. */
  readonly what: string
  /** A system's, OpenSSL's or Node's code (`ECONNREFUSED`), or ours: TIMEOUT, CLOSED, WRONG_CERTIFICATE. */
  readonly code: string | undefined
  /** Where several addresses were tried: each one's error, in order. */
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

/** One error for several addresses of which none would do; that of the last one if there was one only. */
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

/** What a failed connection means, in words; the error's own where there are none. */
export function connectionTrouble(error: Error, code: string | undefined): string {
  // OpenSSL has renamed its alerts of SSLv3 time (SSL/TLS_ALERT_…).
  const known = code === undefined ? undefined : troubles[code.replace('SSL/TLS_', 'SSLV3_')]
  return known ?? error.message
}

const troubles: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'no way to that host',
  ENETUNREACH: 'no way to that network',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name could not be looked up',
  ETIMEDOUT: 'no answer',
  EPIPE: 'the connection had ended',
  EADDRNOTAVAIL: 'this machine does not have the source address',
  EMFILE: 'too many open connections in this process',
  ERR_TLS_CERT_ALTNAME_INVALID: "the name is not in the server's certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is not signed by the given CA",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not signed by the given CA",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is signed by itself, not by the given CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is not signed by the given CA",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  ERR_SSL_NO_SHARED_CIPHER: 'the two have no TLS cipher suite in common',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'the server found no TLS cipher suite in common, or wants another certificate',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the server does not speak this version of TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the server offers no version of TLS that this client takes',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the server does not know the client's certificate",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "the server refuses the client's certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the server says that the client's certificate has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the server refuses the client's certificate",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server asks for a client certificate',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what listens there does not speak TLS',
}
