// One connect: makes a key provider with this server in a vCenter, has each side trust the other, and proves the way with a key that
// vCenter makes here and finds again. Each step looks first, and changes only what is missing, so a run that was broken off is run again. A
// client certificate that is in use is never replaced, and a provider that has other servers is left alone.

import type { Clock } from '../../core/ports/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { addressText, type Address } from '../../base/kmip-address.ts'
import { listed } from '../../base/text/listed.ts'
import type { Certificate } from '../../core/pki/certificate.ts'
import type { KeyProvider, KeyProviders } from '../../outside/vsphere-api/key-providers.ts'
import type { ClientSide } from './client-side.ts'
import { addressKey, addressOf, greenStep, privilegesStep, serverNames } from './common-steps.ts'
import type { clientWays } from './routes.ts'
import type { StepOutcome, ConnectSteps } from './steps.ts'

export interface ConnectPlan {
  /** The name of the key provider. */
  readonly provider: string
  /** The addresses of this server, as vCenter reaches them. */
  readonly addresses: readonly Address[]
  readonly client: (typeof clientWays)[number]
  /** PEM of a CA, with `client: 'authority'`. */
  readonly authority: string | undefined
  readonly makeDefault: boolean
  readonly dryRun: boolean
}

export interface ConnectParts {
  readonly providers: Pick<KeyProviders, keyof KeyProviders>
  readonly clientSide: ClientSide
  /** The certificate that the KMIP listener presents. */
  readonly ownCertificate: Certificate
  readonly proof: ProofKeys
  readonly steps: ConnectSteps
  /** Records the change of vCenter before and after. */
  readonly change: <T>(call: string, detail: ChangeDetail, work: () => Promise<T>) => Promise<T>
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly signal: AbortSignal
}

export type ChangeDetail = Readonly<Record<string, string>>

/** The keys with which connects prove the way. */
export interface ProofKeys {
  /** The key that a former run had made by this provider, if a machine could still use it. */
  readonly remembered: () => Promise<string | undefined>
  readonly remember: (key: string) => Promise<void>
  readonly isHere: (key: string) => Promise<boolean>
  /** The run has reached its end, with this key. */
  readonly finish: (key: string) => Promise<void>
}

export class ConnectRun {
  readonly #parts: ConnectParts
  readonly #plan: ConnectPlan
  /** The provider as it was before this run; undefined: it was not there. */
  #before: KeyProvider | undefined

  constructor(parts: ConnectParts, plan: ConnectPlan) {
    this.#parts = parts
    this.#plan = plan
  }

  /** Rejects with Refusal and VsphereError, and with the signal's reason. */
  async run(): Promise<void> {
    const { steps } = this.#parts
    const { provider } = this.#plan
    await steps.run('privileges', 'the privileges of the user', () => privilegesStep(this.#parts.providers))
    await steps.run('provider', `the key provider ${provider}`, () => this.#provider())
    await steps.run('trust-mortise', 'vCenter trusts this server', () => this.#trustMortise())
    await steps.run('trust-vcenter', 'this server trusts vCenter', () => this.#trustVcenter())
    await steps.run('default', "vCenter's default provider", () => this.#default())
    await steps.run('green', 'vCenter says that it reaches this server', () => this.#green())
    await steps.run('proof', 'a key that vCenter makes here, and finds again', () => this.#proof())
  }

  async #provider(): Promise<StepOutcome> {
    const { provider, addresses, dryRun } = this.#plan
    const { providers } = this.#parts
    const all = await providers.list()
    this.#before = all.find(({ name }) => name === provider)
    const servers = this.#before?.servers ?? []
    this.#refuseOthers(servers.map(addressOf))
    const has = new Set(servers.map((server) => addressOf(server).toLowerCase()))
    const missing = addresses.filter((address) => !has.has(addressKey(address)))
    const shown = listed(missing.map(addressText), 'and')
    if (missing.length === 0)
      return { state: 'already', text: `the key provider ${provider} has this server` }
    const first = all.length === 0 ? ". It is vCenter's first, and so becomes its default" : ''
    const what = this.#before
      ? `${shown} in the key provider ${provider}`
      : `the key provider ${provider} with ${shown}`
    if (dryRun) return { state: 'would', text: `would register ${what}${first}` }
    const names = serverNames(missing.length, new Set(servers.map(({ name }) => name)))
    for (const [at, { host, port }] of missing.entries()) {
      const server = { name: names[at] ?? '', address: host, port }
      const detail = { provider, server: server.name, address: addressOf(server) }
      await this.#parts.change('RegisterKmipServer', detail, () => providers.register(provider, server))
    }
    return { state: 'done', text: `registered ${what}${first}` }
  }

  /** Keys of one provider must be at all of its servers: another server there would be asked for keys that it does not have. */
  #refuseOthers(servers: readonly string[]): void {
    const { provider, addresses } = this.#plan
    const own = new Set(addresses.map(addressKey))
    const others = servers.filter((server) => !own.has(server.toLowerCase()))
    if (others.length === 0) return
    throw new Refusal(
      'refused',
      `the key provider ${provider} has other servers: ${listed(others, 'and')}. vCenter would ask them for keys that only this server has, and this server for theirs`,
      'Give another name with --provider. If they are this server, name all of its addresses with --address.',
    )
  }

  async #trustMortise(): Promise<StepOutcome> {
    const { provider, dryRun } = this.#plan
    const { ownCertificate: own, providers } = this.#parts
    const text = `this server's certificate, SHA-256 ${own.sha256}`
    if (this.#before) {
      const { servers } = await providers.status(provider, this.#parts.signal)
      if (servers.length > 0 && servers.every(({ clientTrustsServer }) => clientTrustsServer === true))
        return { state: 'already', text: 'vCenter trusts this server' }
    }
    if (dryRun) return { state: 'would', text: `would give vCenter ${text}` }
    const detail = { provider, certificate: own.sha256 }
    await this.#parts.change('UploadKmipServerCert', detail, () => providers.trustServer(provider, own.pem))
    return { state: 'done', text: `gave vCenter ${text}` }
  }

  async #trustVcenter(): Promise<StepOutcome> {
    const { provider, client, dryRun } = this.#plan
    const { clientSide, providers } = this.#parts
    const inUse = this.#before || !dryRun ? await providers.clientCertificate(provider) : undefined
    if (inUse !== undefined && (await clientSide.isTrusted(inUse)))
      return { state: 'already', text: `this server trusts vCenter: ${clientSide.shown}` }
    if (this.#before && inUse !== undefined && (client === 'request' || client === 'issued'))
      throw new Refusal(
        'refused',
        `the key provider ${provider} has a client certificate already, and it may be in use: it is not replaced`,
        'Leave out --client: then this server trusts the certificate that is there.',
      )
    if (dryRun) return { state: 'would', text: `would trust vCenter as a client: ${wayTexts[client]}` }
    const certificate = await this.#ways[client](inUse)
    return {
      state: 'done',
      text: `trusts vCenter as a client: ${wayTexts[client]}, SHA-256 ${certificate.sha256}`,
    }
  }

  readonly #ways: Readonly<
    Record<ConnectPlan['client'], (inUse: string | undefined) => Promise<Certificate>>
  > = {
    certificate: async (inUse) => {
      const { clientSide, providers } = this.#parts
      if (inUse !== undefined) return clientSide.pin(inUse)
      const detail = { provider: this.#plan.provider }
      const made = await this.#parts.change('GenerateSelfSignedClientCert', detail, () =>
        providers.makeClientCertificate(this.#plan.provider),
      )
      const certificate = await clientSide.pin(made)
      await this.#use('UpdateSelfSignedClientCert', certificate, () =>
        providers.useClientCertificate(this.#plan.provider, made),
      )
      return certificate
    },
    authority: async () => {
      const { authority } = this.#plan
      if (authority === undefined)
        throw new Refusal(
          'bad-request',
          'a CA is needed to trust its certificates',
          'Give it: --client-ca PEM',
        )
      return this.#parts.clientSide.trustAuthority(authority)
    },
    request: async () => {
      const { clientSide, providers } = this.#parts
      const { provider } = this.#plan
      const csr = await this.#parts.change('GenerateClientCsr', { provider }, () =>
        providers.clientRequest(provider),
      )
      const certificate = await clientSide.sign(csr)
      await this.#use('UpdateKmsSignedCsrClientCert', certificate, () =>
        providers.useSignedCertificate(provider, certificate.pem),
      )
      return certificate
    },
    issued: async () => {
      const { clientSide, providers } = this.#parts
      const { certificate, privateKey } = await clientSide.issue()
      try {
        await this.#use('UploadClientCert', certificate, () =>
          providers.uploadClientCertificate(this.#plan.provider, certificate.pem, privateKey),
        )
        return certificate
      } finally {
        privateKey.fill(0)
      }
    },
  }

  #use(call: string, { sha256 }: Certificate, work: () => Promise<void>): Promise<void> {
    return this.#parts.change(call, { provider: this.#plan.provider, certificate: sha256 }, work)
  }

  async #default(): Promise<StepOutcome> {
    const { provider, makeDefault, dryRun } = this.#plan
    const { providers } = this.#parts
    const isDefault = (await providers.list()).some(({ name, isDefault: is }) => is && name === provider)
    if (isDefault) return { state: 'already', text: `${provider} is vCenter's default provider` }
    if (!makeDefault)
      return { state: 'skipped', text: `${provider} is not made vCenter's default provider (--default)` }
    if (dryRun) return { state: 'would', text: `would make ${provider} vCenter's default provider` }
    await this.#parts.change('MarkDefault', { provider }, () => providers.makeDefault(provider))
    return { state: 'done', text: `made ${provider} vCenter's default provider` }
  }

  async #green(): Promise<StepOutcome> {
    const { provider, dryRun } = this.#plan
    return dryRun && !this.#before
      ? { state: 'would', text: 'would wait until vCenter says green' }
      : greenStep(this.#parts, provider, dryRun)
  }

  /** vCenter fetches the bytes of a key once a machine or host uses it, and not before. */
  async #proof(): Promise<StepOutcome> {
    const { provider, dryRun } = this.#plan
    const { proof, providers } = this.#parts
    const known = await proof.remembered()
    if (known === undefined && dryRun)
      return { state: 'would', text: 'would have vCenter make a key here, and find it again' }
    const key = known ?? (await this.#newKey())
    if (!(await proof.isHere(key)))
      throw new Refusal(
        'refused',
        `vCenter made the key ${key}, but not in this instance: another server answers at an address of ${provider}, or another instance trusts its certificate`,
        'Compare the addresses above with those of this server, and the client: mortise client list',
      )
    const { isThere, reason } = await providers.findKey(provider, key)
    if (!isThere)
      throw new Refusal('refused', `vCenter does not find the key ${key} that it made here: ${reason}`, again)
    if (!dryRun) await proof.finish(key)
    return known === undefined
      ? { state: 'done', text: `vCenter made the key ${key} here, and finds it` }
      : { state: 'already', text: `vCenter finds the key ${key} that it made here` }
  }

  async #newKey(): Promise<string> {
    const { provider } = this.#plan
    const { proof, providers } = this.#parts
    const made = await this.#parts.change('GenerateKey', { provider }, () => providers.makeKey(provider))
    await proof.remember(made)
    return made
  }
}

const again = 'What was done stays: run again.'

const wayTexts: Readonly<Record<ConnectPlan['client'], string>> = {
  certificate: "the provider's certificate",
  authority: `certificates of the CA whose subject fits kmipClient*`,
  request: "a certificate that this server signs on vCenter's request",
  issued: 'a certificate whose private key this server makes and uploads',
}
