// The acts on certificates, within one transaction: it makes and renews them, and judges chains of them.

import type { ChainValidity } from '../pki/validate.ts'
import { certify, reCertify, type CertifyWanted, type RecertifyWanted } from './certificates/certify.ts'
import type { FetchedObject } from './acts/fetch-object.ts'
import {
  asPkcs12,
  importPkcs12,
  registerPkcs12,
  type ContainerWanted,
  type ImportedKey,
  type Pkcs12Wanted,
} from './certificates/pkcs12.ts'
import { reProvision, type SignedCertificate } from './certificates/re-provision.ts'
import type { TransactionObjects } from './transaction/transaction-objects.ts'
import { validate, type ChainWanted } from './certificates/validate.ts'

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

  /** A private key with its certificates, under the password that it is linked to. Throws Faults. */
  pkcs12(object: FetchedObject): Promise<Uint8Array> {
    return asPkcs12(this.#objects, object)
  }

  /** Keeps the private key and the certificates of a container. Returns the key's identifier. Throws Faults. */
  registerPkcs12(wanted: Pkcs12Wanted): Promise<string> {
    return registerPkcs12(this.#objects, wanted)
  }

  /** Keeps the certificates of a container, and its private key as its client describes it. Throws Faults. */
  importPkcs12(container: ContainerWanted, key: ImportedKey): Promise<void> {
    return importPkcs12(this.#objects, container, key)
  }

  /** Whether certificates form a chain that holds. Throws Faults. */
  validate(wanted: ChainWanted): Promise<ChainValidity> {
    return validate(this.#objects, wanted)
  }
}
