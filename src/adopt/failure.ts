// Why an adoption ended before its report, in words for the person who began it. Other errors are Faults of this server, or
// bugs.

import { KmipRefused, KmipTransportError } from '../kmip-client/errors.ts'
import { TlsOptionsError } from '../kmip-client/tls.ts'
import { RootKeyError } from '../ports/root-key.ts'
import { AdoptionStopped } from './patience.ts'

export class AdoptionFailed extends Error {
  override readonly name = 'AdoptionFailed'
  /** `server`: the old server. `options`: what was given is unusable. `stopped`: this server stops. */
  readonly why: 'server' | 'options' | 'stopped'
  readonly hint: string | undefined

  constructor(why: AdoptionFailed['why'], message: string, hint: string | undefined, cause?: Error) {
    super(message, { cause })
    this.why = why
    this.hint = hint
  }
}

const again = 'Do the same again: what was adopted stays, and it goes on from there.'

export function failureOf(error: unknown): unknown {
  if (error instanceof KmipTransportError)
    return new AdoptionFailed('server', `the old server does not answer: ${error.message}`, again, error)
  if (error instanceof KmipRefused) {
    const hint =
      error.operation === 'Locate'
        ? 'If it has no search, name the identifiers: --ids FILE.'
        : 'It must trust the certificate that you gave with --cert.'
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
