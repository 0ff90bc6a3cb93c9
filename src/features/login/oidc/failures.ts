// Puts into words why the identity provider gave no answer: turns errors of the library and of the system into LoginError.
// A text of the provider is repeated in part, since it often says what an administrator has to change there.

import * as client from 'openid-client'
import { LoginError } from './error.ts'

export function loginError(error: unknown, { issuer }: { readonly issuer: string }): Error {
  const causes = chainOf(error)
  const ours = causes.find((one) => one instanceof LoginError)
  if (ours) return ours
  const cause = { cause: error }
  for (const one of causes) {
    if (one instanceof client.ResponseBodyError) return ofTokenEndpoint(one)
    if (one instanceof client.AuthorizationResponseError)
      return new LoginError(
        'refused',
        `the identity provider says ${quoted(one.error, one.error_description)}`,
        undefined,
        cause,
      )
    if (one instanceof client.WWWAuthenticateChallengeError)
      return new LoginError(
        'refused',
        'the identity provider refused the token that it had issued',
        undefined,
        cause,
      )
  }
  const code = causes
    .map((one) => ('code' in one && typeof one.code === 'string' ? one.code : ''))
    .find((text) => /^E[A-Z]+$|CERT|SIGNATURE|ISSUER|ALTNAME|^ERR_(?:TLS|SSL)/.test(text))
  if (code !== undefined)
    return new LoginError(
      'unreachable',
      `the identity provider ${new URL(issuer).host} cannot be reached: ${explained(code, causes.at(-1)?.message ?? '')}`,
      /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code) ? 'A CA of your own is named in oidc.caFile.' : undefined,
      cause,
    )
  if (error instanceof client.ClientError)
    return new LoginError(
      'refused',
      `what the identity provider sent is not accepted: ${[...new Set(causes.map(({ message }) => message))].join(': ')}`,
      undefined,
      cause,
    )
  return error instanceof Error ? error : new Error(String(error))
}

function explained(code: string, message: string): string {
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name has no address'
  if (code === 'ECONNRESET') return 'the connection was reset'
  if (code === 'ENOENT') return 'the file of oidc.caFile is not there'
  return /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code) ? `its TLS certificate is not accepted: ${message}` : code
}

function ofTokenEndpoint(error: client.ResponseBodyError): LoginError {
  const cause = { cause: error }
  switch (error.error) {
    case 'authorization_pending':
      return new LoginError('pending', 'the person has not agreed yet', undefined, cause)
    case 'slow_down':
      return new LoginError(
        'slow-down',
        'the identity provider wants to be asked less often',
        undefined,
        cause,
      )
    case 'invalid_client':
    case 'unauthorized_client':
      return new LoginError(
        'misconfigured',
        `the identity provider does not take this server for the client that it names: ${quoted(error.error, error.error_description)}`,
        'Compare oidc.clientId and oidc.clientSecretFile with what is registered there.',
        cause,
      )
    default:
      return new LoginError(
        'refused',
        `the identity provider says ${quoted(error.error, error.error_description)}`,
        'Log in again.',
        cause,
      )
  }
}

/** Without what a terminal or a log would act on. */
function quoted(code: string, description: string | undefined): string {
  return [code, description ?? '']
    .join(' ')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .trim()
    .slice(0, 300)
}

function chainOf(error: unknown): readonly Error[] {
  const errors: Error[] = []
  for (let one = error; one instanceof Error && errors.length < 8; one = one.cause) errors.push(one)
  return errors
}
