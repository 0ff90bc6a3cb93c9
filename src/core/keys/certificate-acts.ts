// The acts on certificates, within one transaction: makes and renews certificates, and validates chains.

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

  /** Replaces the certificate with which the client sends requests by this one. Returns its identifier. Throws Faults. */
  reProvision(signed: SignedCertificate): Promise<string> {
    return reProvision(this.#objects, signed)
  }

  /** Returns a private key with its certificates, under the password of its link. Throws Faults. */
  pkcs12(object: FetchedObject): Promise<Uint8Array> {
    return asPkcs12(this.#objects, object)
  }

  /** Stores the private key and the certificates of a container. Returns the key's identifier. Throws Faults. */
  registerPkcs12(wanted: Pkcs12Wanted): Promise<string> {
    return registerPkcs12(this.#objects, wanted)
  }

  /** Stores the certificates of a container, and its private key with the client's description. Throws Faults. */
  importPkcs12(container: ContainerWanted, key: ImportedKey): Promise<void> {
    return importPkcs12(this.#objects, container, key)
  }

  /** Whether certificates form a valid chain. Throws Faults. */
  validate(wanted: ChainWanted): Promise<ChainValidity> {
    return validate(this.#objects, wanted)
  }
}
