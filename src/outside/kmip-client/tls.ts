// The client's side of mutual TLS: its certificate and key, the versions and suites that it offers, and how it
// recognizes the server. Call clientTls once for all connections of a client, since parsing keys costs more than a handshake step.

import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls'

/**
 * How to recognize the right server: by a CA and the server's name, like browsers; by its exact certificate, like
 * vCenter (SHA-256 of the DER, lower-case hex); or not at all, for trials.
 */
export type ServerTrust =
  | { readonly by: 'authority'; readonly pem: string | Buffer }
  | { readonly by: 'fingerprint'; readonly sha256: string }
  | { readonly by: 'nothing' }

export interface TlsOptions {
  /** PEM. Omit both for a client without a certificate. */
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  readonly trust: ServerTrust
  readonly minVersion?: SecureVersion | undefined
  readonly maxVersion?: SecureVersion | undefined
  /** An OpenSSL cipher list, for TLS 1.2 and older. */
  readonly ciphers?: string | undefined
}

export interface ClientTls {
  readonly context: SecureContext
  readonly trust: ServerTrust
}

/** The certificate, the key or the cipher list is unusable. */
export class TlsOptionsError extends Error {
  override readonly name = 'TlsOptionsError'
}

/** Throws TlsOptionsError. Its message tells the person who gave the options what is wrong. */
export function clientTls({ trust, cert, key, minVersion, maxVersion, ciphers }: TlsOptions): ClientTls {
  try {
    const context = createSecureContext({
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(trust.by === 'authority' && { ca: trust.pem }),
      minVersion: minVersion ?? 'TLSv1.2',
      maxVersion: maxVersion ?? 'TLSv1.3',
      ...(ciphers !== undefined && { ciphers }),
    })
    return { context, trust }
  } catch (error) {
    throw new TlsOptionsError(optionTrouble(error), { cause: error })
  }
}

function optionTrouble(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const said = error instanceof Error ? error.message : String(error)
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
    return 'the private key does not belong to the certificate'
  if (code === 'ERR_SSL_EE_KEY_TOO_SMALL')
    return "the certificate's key is too short for TLS today, which asks for RSA with 2048 bits: give one with a longer key"
  if (code === 'ERR_SSL_NO_CIPHER_MATCH') return 'OpenSSL knows none of these cipher suites'
  if (/bad decrypt|interrupted or cancelled|BAD_PASSWORD_READ/i.test(`${code} ${said}`))
    return 'the private key is protected by a passphrase: remove it first'
  if (/no start line|NO_START_LINE|DECODER|unsupported/i.test(`${code} ${said}`))
    return 'the certificate or the private key is not PEM, which begins with "-----BEGIN"'
  return said
}
