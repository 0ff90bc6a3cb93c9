// Why an adoption ended before its report, in words for the person who began it. Other errors are Faults of this server, or
// bugs.

import { isNotFound, KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { TlsOptionsError } from '../../outside/kmip-client/tls.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import { AdoptionStopped, OnlyFails } from './retries.ts'

export class AdoptionFailed extends Error {
  override readonly name = 'AdoptionFailed'
  /** `server`: the old server. `options`: the options are unusable. `stopped`: this server stops. */
  readonly why: 'server' | 'options' | 'stopped'
  readonly hint: string | undefined

  constructor(why: AdoptionFailed['why'], message: string, hint: string | undefined, cause?: Error) {
    super(message, { cause })
    this.why = why
    this.hint = hint
  }
}

/** Only an answer that did not come is worth asking for again. */
function transportTrouble(
  { stage, code = '', message }: KmipTransportError,
  then: string,
): readonly [string, string] {
  if (code === 'WEAK_CERTIFICATE')
    return [
      `the old server cannot be recognized: ${message}`,
      'Recognize it by the certificate itself: --fingerprint SHA256. mortise doctor shows it; compare it with the one that vCenter trusts.',
    ]
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code))
    return [
      `the old server has no TLS 1.2: ${message}`,
      'Switch TLS 1.2 on there, or put a proxy in between that speaks both.',
    ]
  if (isUnrecognized(code))
    return [
      `this is not the old server that was named: ${message}`,
      'Compare its certificate with the one that vCenter trusts, and give its CA or fingerprint. If you did, an attacker may be in between.',
    ]
  if (/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_)/.test(code))
    return [`the old server refuses the connection: ${message}`, untrusted]
  if (stage === 'protocol' || /WRONG_VERSION_NUMBER|PACKET_LENGTH/.test(code))
    return [
      `what answers is not a KMIP server: ${message}`,
      'Give the address of its KMIP port, which is usually 5696.',
    ]
  return [`the old server does not answer: ${message}`, stage === 'connect' ? unreached + then : then]
}

/** The codes of a server's certificate that does not fit; those of OpenSSL's alerts are about ours. */
function isUnrecognized(code: string): boolean {
  return /CERT|LEAF_SIGNATURE/.test(code) && !code.startsWith('ERR_SSL_')
}

const untrusted = 'It must trust the client certificate that you gave.'
const unreached =
  'Compare the address and the port with those in vCenter, and let firewalls in between pass. '
const again = 'Do the same again: what was adopted stays, and it goes on from there.'

/** A refusal of one object, in words. */
export function refusalText(refused: KmipRefused): string {
  if (!isNotFound(refused)) return refused.message
  const said = refused.resultMessage === undefined ? '' : ` (${refused.resultMessage})`
  return `the old server has no object with this identifier${said}`
}

/** `then`: what to do once the old server answers. */
export function failureOf(error: unknown, then = again): unknown {
  if (error instanceof KmipTransportError)
    return new AdoptionFailed('server', ...transportTrouble(error, then), error)
  if (error instanceof OnlyFails)
    return new AdoptionFailed(
      'server',
      `the old server answers late and only with failures: ${error.message}`,
      `Its log says why; restart it if you may. ${again}`,
      error,
    )
  if (error instanceof KmipRefused) {
    const hint =
      error.operation === 'Locate' ? 'If it has no search, name the identifiers: --ids FILE.' : untrusted
    return new AdoptionFailed('server', `the old server refuses: ${error.message}`, hint, error)
  }
  if (error instanceof RootKeyError) {
    const what = error.reach === 'unreachable' ? 'does not answer' : 'refuses'
    const hint =
      error.reach === 'unreachable'
        ? again
        : 'The API key must be that of a service ID with the role ReaderPlus, and the root key the one that the old service used.'
    return new AdoptionFailed('server', `the service of the root key ${what}: ${error.message}`, hint, error)
  }
  if (error instanceof TlsOptionsError) return new AdoptionFailed('options', error.message, undefined, error)
  if (error instanceof AdoptionStopped) return new AdoptionFailed('stopped', error.message, again, error)
  return error
}
