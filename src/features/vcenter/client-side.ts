// The client that a vCenter is here: whether this server trusts the certificate of its provider, and the four ways to make it so.

import type { By } from '../../core/audit/actor.ts'
import type { Grantor } from '../../core/trust/grantor.ts'
import { Refusal } from '../../base/refusal.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { parseCertificate, parseCertificates, type Certificate } from '../../core/pki/certificate.ts'
import {
  requireForeignAuthority,
  requireNoAuthority,
  requireNotOwn,
} from '../../core/pki/client-certificate.ts'
import { issueClient, privateKeyPem, signRequest } from '../../core/pki/issue.ts'
import type { VcenterService } from './needs.ts'

/** The subjects of vCenter's own client certificates. */
const subjectPattern = 'kmipClient*'

type Parts = Pick<VcenterService, 'about' | 'access' | 'authority' | 'clock' | 'pending' | 'trust'>

export interface ClientSideOptions {
  readonly by: Grantor & By
  readonly instance: { readonly id: string; readonly name: string }
  /** The name of the client here. */
  readonly name: string
}

export class ClientSide {
  readonly #parts: Parts
  readonly #options: ClientSideOptions

  constructor(parts: Parts, options: ClientSideOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** Whether a client of the instance has this certificate, PEM. Throws Refusal where none may get it. */
  async isTrusted(pem: string): Promise<boolean> {
    const certificate = leafOf(pem)
    const peer = await this.#parts.access.identify({ certificate, address: '' })
    const { instance } = this.#options
    if (peer.trusted) return peer.instance.id === instance.id
    if (peer.why === 'blocked')
      throw new Refusal(
        'refused',
        `the certificate that vCenter uses is blocked here: ${certificate.sha256}`,
        `If it was blocked by mistake: mortise client unblock ${certificate.sha256}`,
      )
    if (peer.client?.instanceId === instance.id)
      throw new Refusal(
        'refused',
        `the certificate that vCenter uses is that of the client ${peer.client.name}, and is ${peer.why}`,
        'Have vCenter make another one (Establish Trust, New Certificate), or set how long an expired one is served: mortise client set NAME --expired-grace-days N',
      )
    return false
  }

  /** The id of the client of the instance that has this certificate, PEM; undefined: none has it. */
  async clientOf(pem: string | undefined): Promise<string | undefined> {
    if (pem === undefined) return undefined
    const { client } = await this.#parts.access.identify({ certificate: leafOf(pem), address: '' })
    return client?.instanceId === this.#options.instance.id ? client.id : undefined
  }

  /** Trusts this certificate. Throws Refusal where it is this server's or that of a CA, and TrustRefused where another client has it. */
  async pin(pem: string): Promise<Certificate> {
    const certificate = leafOf(pem)
    requireNotOwn(certificate, [this.#parts.about.certificate()])
    requireNoAuthority(certificate)
    await this.#trust(certificate, undefined)
    return certificate
  }

  /** Trusts certificates that this CA signed for key providers. */
  async trustAuthority(pem: string): Promise<Certificate> {
    const ca = parseCertificate(pem)
    requireForeignAuthority(ca, this.#parts.authority.certificate)
    const { by, instance, name } = this.#options
    await this.#parts.trust.clients.trustAuthority(by, {
      instanceId: instance.id,
      name,
      ca,
      subject: subjectPattern,
    })
    return ca
  }

  /** Signs vCenter's request, and trusts the certificate. */
  async sign(csr: string): Promise<Certificate> {
    const { authority: ca, clock } = this.#parts
    const certificate = await signRequest({ ca, csr, nowMs: clock.now() })
    await this.#trust(certificate, certificate.notAfterMs)
    return certificate
  }

  /** A new certificate with its private key, PKCS #8 as PEM, which the caller wipes. It is trusted. */
  async issue(): Promise<{ readonly certificate: Certificate; readonly privateKey: Buffer }> {
    const { authority: ca, clock } = this.#parts
    const made = await issueClient({ ca, commonName: this.#options.name, nowMs: clock.now() })
    await this.#trust(made.certificate, made.certificate.notAfterMs)
    return { certificate: made.certificate, privateKey: Buffer.from(privateKeyPem(made.privateKey)) }
  }

  /** The command with which a person sees the client. */
  get shown(): string {
    const { instance, name } = this.#options
    return `mortise client show ${shellWord(name)} --instance ${shellWord(instance.name)}`
  }

  async #trust(certificate: Certificate, issuedUntilMs: number | undefined): Promise<void> {
    const { by, instance, name } = this.#options
    const { pending, trust } = this.#parts
    await trust.clients.trustCertificate(by, { instanceId: instance.id, certificate, name, issuedUntilMs })
    pending.remove(certificate.sha256)
  }
}

/** The first certificate: vCenter may send those above it, too. */
function leafOf(pem: string): Certificate {
  const [leaf] = parseCertificates(pem)
  if (!leaf) throw new Refusal('refused', 'vCenter gives something that is not a certificate')
  return leaf
}
