// The acts on certificates, within one transaction: makes and renews certificates, and validates chains.

import type { ChainValidity } from '../pki/validate.ts'
import { certify, reCertify, type CertifyRequest, type RecertifyRequest } from './certificates/certify.ts'
import type { FetchedObject } from './acts/fetch-object.ts'
import {
  asPkcs12,
  importPkcs12,
  registerPkcs12,
  type ContainerRequest,
  type ImportedKey,
  type Pkcs12Request,
} from './certificates/pkcs12.ts'
import { reProvision, type SignedCertificate } from './certificates/re-provision.ts'
import type { TransactionObjects } from './transaction/transaction-objects.ts'
import { validate, type ChainRequest } from './certificates/validate.ts'

export class CertificateActs {
  readonly #objects: TransactionObjects

  constructor(objects: TransactionObjects) {
    this.#objects = objects
  }

  /** Has a certificate made for a public key. Returns its identifier. Throws Faults. */
  certify(request: CertifyRequest): Promise<string> {
    return certify(this.#objects, request)
  }

  /** Puts a new certificate in the place of one that is here. Returns its identifier. Throws Faults. */
  reCertify(request: RecertifyRequest): Promise<string> {
    return reCertify(this.#objects, request)
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
  registerPkcs12(request: Pkcs12Request): Promise<string> {
    return registerPkcs12(this.#objects, request)
  }

  /** Stores the certificates of a container, and its private key with the client's description. Throws Faults. */
  importPkcs12(container: ContainerRequest, key: ImportedKey): Promise<void> {
    return importPkcs12(this.#objects, container, key)
  }

  /** Whether certificates form a valid chain. Throws Faults. */
  validate(request: ChainRequest): Promise<ChainValidity> {
    return validate(this.#objects, request)
  }
}
