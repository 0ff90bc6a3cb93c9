// The key providers as vCenter has them: the servers, which vcsim stores, and what vcsim lacks, the certificates and passwords.

import { parseCertificate, type Certificate } from '../../../src/core/pki/certificate.ts'
import { privateKeyPem } from '../../../src/core/pki/issue.ts'
import { makeSelfSigned } from '../../../src/core/pki/self-signed.ts'
import { vcenterName } from '../../../src/tools/vsphere/untrusted-client.ts'
import { invalidArgument } from './soap.ts'
import type { VcsimClient } from './vcsim-client.ts'
import { childrenOf, textAt, type Xml } from './xml.ts'

export interface ClientIdentity {
  readonly certificate: Certificate
  /** PEM. */
  readonly key: Buffer
}

export interface KeyServer {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly userName: string | undefined
  readonly password: Buffer | undefined
}

/** The certificates and passwords of a provider. */
export interface ProviderTrust {
  /** The identity with which vCenter connects. */
  active: ClientIdentity | undefined
  /** The one that was generated last, perhaps not in use. */
  selfSigned: ClientIdentity | undefined
  /** The signing request that was generated last, PEM, with its private key. */
  signingRequest: { readonly request: string; readonly key: Buffer } | undefined
  /** The certificates of servers that an administrator uploaded. */
  readonly trusted: Certificate[]
  /** By the server's name. */
  readonly passwords: Map<string, Buffer>
  /** Whether the servers told their vendor. */
  hasVendor: boolean
}

export interface KeyProvider {
  readonly id: string
  readonly isDefault: boolean
  readonly servers: readonly KeyServer[]
  readonly trust: ProviderTrust
  /** KmipClusterInfo. */
  readonly info: Xml
}

const dayMs = 24 * 3600_000
const clientCertificateDays = 730

export class Providers {
  readonly #vcsim: VcsimClient
  readonly #trust = new Map<string, ProviderTrust>()

  constructor(vcsim: VcsimClient) {
    this.#vcsim = vcsim
  }

  async all(): Promise<readonly KeyProvider[]> {
    return (await this.#vcsim.providers()).map((info) => this.#provider(info))
  }

  /** Rejects with VimFault InvalidArgument, which names the property, for an unknown one. */
  async get(id: string, property: string): Promise<KeyProvider> {
    const provider = await this.lookUp(id)
    if (!provider) throw invalidArgument(property, `There is no key provider ${id}.`)
    return provider
  }

  /** The default one where no name is given. */
  async lookUp(id: string | undefined): Promise<KeyProvider | undefined> {
    return (await this.all()).find((one) => (id === undefined ? one.isDefault : one.id === id))
  }

  /** A new provider has a client certificate that vCenter generated. */
  async begin(id: string): Promise<void> {
    this.#trustOf(id).active = await newIdentity()
  }

  forget(id: string): void {
    this.#trust.delete(id)
  }

  #provider(info: Xml): KeyProvider {
    const id = textAt(info, 'clusterId', 'id') ?? ''
    const trust = this.#trustOf(id)
    return {
      id,
      isDefault: textAt(info, 'useAsDefault') === 'true',
      trust,
      info,
      servers: childrenOf(info, 'servers').map((server) => {
        const name = textAt(server, 'name') ?? ''
        return {
          name,
          address: textAt(server, 'address') ?? '',
          port: Number(textAt(server, 'port')),
          userName: textAt(server, 'userName') || undefined,
          password: trust.passwords.get(name),
        }
      }),
    }
  }

  #trustOf(id: string): ProviderTrust {
    const known = this.#trust.get(id)
    if (known) return known
    const trust: ProviderTrust = {
      active: undefined,
      selfSigned: undefined,
      signingRequest: undefined,
      trusted: [],
      passwords: new Map(),
      hasVendor: false,
    }
    this.#trust.set(id, trust)
    return trust
  }
}

/** A client certificate as vCenter generates it. */
export async function newIdentity(commonName = vcenterName(Date.now())): Promise<ClientIdentity> {
  const notBeforeMs = Date.now() - dayMs
  const notAfterMs = notBeforeMs + clientCertificateDays * dayMs
  const { certificate, privateKey } = await makeSelfSigned({ commonName, notBeforeMs, notAfterMs })
  return { certificate, key: privateKeyPem(privateKey) }
}

/** Throws VimFault for a text that is not one certificate. */
export function readPem(pem: string, property: string): Certificate {
  try {
    return parseCertificate(pem)
  } catch (error) {
    throw invalidArgument(property, `This is not a certificate: ${String(error)}`)
  }
}
