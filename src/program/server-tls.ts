// Knows which certificates the KMIP listener and the admin API present, and passes on each change of certificate or
// configuration while they run. Part of the composition root.

import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { adminCertificate } from '../core/identity/admin-certificate.ts'
import type { Offered } from './open-features.ts'
import type { AdminServer, AdminTls } from '../doors/http/server.ts'
import type { AllConfig } from './features.ts'
import type { Audit } from '../core/audit/audit.ts'
import type { Clock, Timer } from '../core/ports/clock.ts'
import type { Secrets } from '../core/sealing/secrets.ts'
import type { KmipListener } from '../doors/kmip/contract.ts'
import type { Certificate } from '../core/pki/certificate.ts'
import type { SigningIdentity } from '../core/pki/issue.ts'
import { ServerCertificates } from '../core/identity/server-certificates.ts'
import type { IdentityKeys } from '../core/identity/identity-keys.ts'
import { openServerIdentity, ownNames } from '../core/identity/server-identity.ts'
import type { Settings } from '../host/settings.ts'
import type { LevelledLog } from '../core/ports/log.ts'

const dayMs = 24 * 3600_000

interface Options {
  readonly secrets: Secrets
  readonly settings: Settings<AllConfig>
  readonly clock: Clock
  readonly log: LevelledLog
  /** For a new server. Left out: made then. */
  readonly identityKeys?: IdentityKeys | undefined
}

interface Listeners {
  readonly listener: Pick<KmipListener, 'setServerCertificate'>
  /** Called with the options as they are from now on. */
  readonly onConfig: (config: AllConfig) => void
  readonly admin: AdminServer
  readonly audit: Audit
}

export class ServerTls {
  readonly authority: SigningIdentity
  readonly certificates: ServerCertificates
  readonly #options: Options
  #daily: Timer | undefined
  #adminCertificate: Certificate | undefined
  #readCertificate: { readonly of: Certificate; readonly x509: X509Certificate } | undefined

  private constructor(options: Options, authority: SigningIdentity, certificates: ServerCertificates) {
    this.#options = options
    this.authority = authority
    this.certificates = certificates
  }

  static async open(options: Options): Promise<ServerTls> {
    const { secrets, settings, clock, log, identityKeys } = options
    const serverNames = settings.now.server.names
    const identity = await openServerIdentity(secrets, serverNames, clock.now(), identityKeys)
    const names = () => [...settings.now.server.names, ...ownNames()]
    const certificates = await ServerCertificates.open({ secrets, clock, log, identity, names })
    return new ServerTls(options, identity.authority, certificates)
  }

  /** The handlers of the admin API need these from here. */
  get administration(): Pick<Offered, 'authority' | 'serverCertificate' | 'serverCertificates' | 'reload'> {
    const { authority, certificates } = this
    const serverCertificate = () => certificates.active.certificate
    const reload: Offered['reload'] = async (by) => this.#options.settings.reload(by)
    return { authority, serverCertificate, serverCertificates: certificates, reload }
  }

  /** The certificate that the admin API presents. */
  get adminCertificate(): Certificate {
    return this.#adminCertificate ?? this.certificates.active.certificate
  }

  /** The certificate of the admin API, and the host names that it accepts. */
  async admin(config: AllConfig): Promise<{ readonly tls: AdminTls; readonly hosts: readonly string[] }> {
    const { secrets, clock } = this.#options
    const hosts = [...config.admin.hosts, ...config.server.names]
    const kmip = this.certificates.active
    const authority = this.authority
    const options = { secrets, authority, kmip, names: hosts, nowMs: clock.now() }
    const { certificate, tls } = await adminCertificate(options)
    this.#adminCertificate = certificate
    return { hosts, tls }
  }

  /** Whether clients of KMIP may address this server so: by any address, a name in its certificate, or one of kmip.hosts. */
  isKnownHost(host: string): boolean {
    const isListed = this.#options.settings.now.kmip.hosts.some((name) => plain(name) === host)
    return isListed || isIP(host) !== 0 || this.#isInCertificate(host)
  }

  #isInCertificate(host: string): boolean {
    const { certificate } = this.certificates.active
    if (this.#readCertificate?.of !== certificate)
      this.#readCertificate = { of: certificate, x509: new X509Certificate(certificate.der) }
    // OpenSSL takes .example.com for every name in that domain.
    return /^[\w-]+(?:\.[\w-]+)*$/.test(host) && this.#readCertificate.x509.checkHost(host) !== undefined
  }

  /** From now on, changes reach these listeners. */
  start({ listener, admin, audit, onConfig }: Listeners): void {
    const { settings, log } = this.#options
    const { certificates } = this
    certificates.start(async () => {
      const { serverCertificate, ticketKeys } = certificates.shown
      listener.setServerCertificate(serverCertificate, ticketKeys)
      admin.setTls((await this.admin(settings.now)).tls)
    })
    // Renews the admin API's own certificate also in a process that runs for years.
    const look = async () => admin.setTls((await this.admin(settings.now)).tls)
    this.#daily = this.#options.clock.every(dayMs, () => {
      look().catch((error: unknown) => log.error({ error }, 'check the certificate of the admin API'))
    })
    settings.start(audit, async (next) => {
      const { tls, hosts } = await this.admin(next)
      admin.setTls(tls)
      admin.setHosts(hosts)
      log.level = next.log.level
      onConfig(next)
    })
  }

  stop(): void {
    this.#daily?.cancel()
    this.certificates.stop()
  }
}

/** As `Exchange.host` has it. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
