// The acts on certificates, within one transaction: it makes and renews them, and judges chains of them.

import type { ChainValidity } from '../pki/validate.ts'
import { certify, reCertify, type CertifyWanted, type RecertifyWanted } from './certify.ts'
import { reProvision, type SignedCertificate } from './re-provision.ts'
import type { TransactionObjects } from './transaction-objects.ts'
import { validate, type ChainWanted } from './validate.ts'

export class CertificateActs {
  readonly #objects: TransactionObjects

  constructor(objects: TransactionObjects) {
    this.#objects = objects
  }

  /** Has a certificate made for a public key. Returns its identifier. Throws Faults. */
  certify(wanted: CertifyWanted): Promise<string> {
    return certify(this.#objects, wanted)
  }

  /** Puts a new certificate in the place of one that is here. Returns its identifier. Throws Faults. */
  reCertify(wanted: RecertifyWanted): Promise<string> {
    return reCertify(this.#objects, wanted)
  }

  /** Has this certificate take the place of the one with which the client asks. Returns its identifier. Throws Faults. */
  reProvision(signed: SignedCertificate): Promise<string> {
    return reProvision(this.#objects, signed)
  }

  /** Whether certificates form a chain that holds. Throws Faults. */
  validate(wanted: ChainWanted): Promise<ChainValidity> {
    return validate(this.#objects, wanted)
  }
}
