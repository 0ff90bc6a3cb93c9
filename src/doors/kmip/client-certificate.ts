// The certificate of the client that sent a message. Re-Provision replaces it in the middle of the message. The server then answers the
// rest of the message as if the client had connected with the new certificate: otherwise the client could not fetch that.

import { Fault } from '../../wire/kmip/fault.ts'
import type { SignedCertificate } from '../../core/keys/certificates/re-provision.ts'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import type { Provisioner } from '../../core/operations/handler.ts'
import { PkiError } from '../../core/pki/error.ts'
import type { Access, AuthResult } from '../../core/trust/access.ts'
import type { Peer } from './contract.ts'

interface ClientCertificateOptions {
  readonly access: Pick<Access, 'identify'>
  readonly peer: Peer
  /** Throws PkiError. */
  readonly signRequest: (request: Uint8Array) => Promise<SignedCertificate>
}

interface Instead {
  readonly auth: AuthResult & { readonly trusted: true }
  readonly peer: Peer
}

export class ClientCertificate implements Provisioner {
  readonly isExpired: boolean
  readonly #options: ClientCertificateOptions
  #replacement: SignedCertificate | undefined

  constructor({ expiredDays }: AuthResult & { readonly trusted: true }, options: ClientCertificateOptions) {
    this.isExpired = expiredDays !== null
    this.#options = options
  }

  async sign(request: Uint8Array): Promise<SignedCertificate> {
    try {
      return await this.#options.signRequest(request)
    } catch (cause) {
      if (cause instanceof PkiError) throw new Fault('InvalidCSR', cause.message, { cause })
      throw cause
    }
  }

  replaced(by: SignedCertificate): void {
    this.#replacement = by
  }

  /** The client by its new certificate. Throws `refusal` if Re-Provision issued none, or if the server does not trust it. */
  instead(refusal: () => Fault): MaybePromise<Instead> {
    if (!this.#replacement) throw refusal()
    const { der, sha256 } = this.#replacement
    const peer = { ...this.#options.peer, certificate: { der: Buffer.from(der), sha256 } }
    return andThen(this.#options.access.identify(peer), (auth) => {
      if (!auth.trusted) throw refusal()
      return { auth, peer }
    })
  }
}
