// Checks the client's certificate: whether it is usable, and what the server thinks of it, according to its answers.

import { randomUUID } from 'node:crypto'
import type { WireCredential } from '../../wire/kmip/credential.ts'
import type { Address } from '../../base/kmip-address.ts'
import { openConnection, type ClientConnection, type Timeouts } from '../../outside/kmip-client/connection.ts'
import { isNotFound, KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import {
  clientTls,
  TlsOptionsError,
  type ClientTls,
  type ServerTrust,
} from '../../outside/kmip-client/tls.ts'
import { parseCertificate, parseCertificates, type Certificate } from '../../core/pki/certificate.ts'
import { PkiError } from '../../core/pki/error.ts'
import { hasShortKey, judgeDates } from './doctor-certificate.ts'
import type { Findings } from './doctor-findings.ts'
import { serviceBehindTls, tellAnother } from './doctor-kmip.ts'
import type { Service } from './doctor-service.ts'
import { clientRefusedMend, offers, type Shown } from './doctor-tls.ts'
import { RunLog } from './run-log.ts'
import { KeyInventory } from './key-inventory.ts'
import { refusalOf, VCenterSession } from './vcenter-session.ts'

/** `refused`: by a server that does not say why. `unclear`: no answer arrived. */
export type ClientStanding =
  'trusted' | 'unknown' | 'blocked' | 'expired' | 'not-yet-valid' | 'credential' | 'refused' | 'unclear'

/** Certificate and key as given. Undefined if they cannot be used together. */
export function examineClient(
  { cert, key }: Required<Shown>,
  findings: Findings,
  nowMs: number,
): Certificate | undefined {
  try {
    const [own] = parseCertificates(cert ?? '')
    const certificate = own ?? parseCertificate(cert ?? '')
    clientTls({ ...offers.any, cert, key, trust: { by: 'nothing' } })
    judgeKey(certificate, findings)
    judgeDates(certificate, findings, nowMs, {
      whose: 'client',
      wrong: 'warning',
      renew: renewMend,
      clocks: 'Set the clocks right (NTP).',
    })
    return certificate
  } catch (error) {
    if (!(error instanceof PkiError) && !(error instanceof TlsOptionsError)) throw error
    findings.fault(
      'client',
      error.message,
      'Give the certificate of --cert and the private key that belongs to it with --key, both as PEM.',
    )
    return undefined
  }
}

/** The server decides whether it takes such a client, as Mortise does. */
function judgeKey({ publicKey }: Certificate, findings: Findings): void {
  if (hasShortKey(publicKey))
    findings.warning(
      'client',
      `the client's certificate has a key of ${publicKey}, which can be broken: an attacker who breaks it can fetch every key`,
      renewMend,
    )
}

const renewMend =
  'In vCenter: Key Providers > the server > Establish Trust > Make KMS trust vCenter, with a new certificate; then trust that one at the ' +
  'key server (Mortise: mortise client trust --name … --pending SHA256, which leaves the old one beside it).'

export interface PresentedCertificate {
  readonly shown: Shown
  readonly sha256: string
  readonly credential: WireCredential | undefined
  readonly timeouts: Timeouts
}

interface VisitorOptions {
  readonly trust: ServerTrust
  readonly inventory: KeyInventory
}

/** Connections of one client to one address. Like vCenter, each piece of work opens a new one. */
export class Visitor {
  readonly address: Address
  readonly runLog = new RunLog()
  readonly inventory: KeyInventory
  readonly #caller: PresentedCertificate
  readonly #tls: ClientTls

  constructor(address: Address, caller: PresentedCertificate, { trust, inventory }: VisitorOptions) {
    this.address = address
    this.inventory = inventory
    this.#caller = caller
    this.#tls = clientTls({ ...caller.shown, ...offers.any, trust })
  }

  /** Rejects with KmipRefused or KmipTransportError. */
  work<T>(run: (session: VCenterSession) => Promise<T>): Promise<T> {
    const { runLog, inventory } = this
    const { credential } = this.#caller
    return this.withConnection(async (connection) => {
      const session = new VCenterSession(connection, { runLog, inventory, credential })
      await session.discoverVersions()
      return run(session)
    })
  }

  /** Which service answers there, in place of KMIP. */
  service(): Promise<Service> {
    const { shown, timeouts } = this.#caller
    return serviceBehindTls(this.address, shown, timeouts)
  }

  async withConnection<T>(run: (connection: ClientConnection) => Promise<T>): Promise<T> {
    const { timeouts } = this.#caller
    const connection = await openConnection(this.address, { tls: this.#tls, timeouts })
    this.runLog.handshakeMs.push(connection.connectMs + connection.handshakeMs)
    try {
      return await run(connection)
    } finally {
      await connection.close()
    }
  }
}

/**
 * Asks for a key that does not exist: its state, and then the key, which may need a password or another right. A server that
 * admits the client answers that there is no such key.
 */
export async function standingAt(
  visitor: Visitor,
  caller: PresentedCertificate,
  findings: Findings,
): Promise<ClientStanding> {
  const noState = await refusalOf(visitor.work(async (session) => session.state(randomUUID())))
  if (noState instanceof KmipTransportError) return unanswered(noState, visitor, findings)
  if (!noState) {
    findings.warning(
      'kmip',
      'the server knows a key whose identifier was made up a moment ago',
      'It answers every question with yes: it is not a real key server.',
    )
    return 'trusted'
  }
  if (!isMissing(noState)) return refusedBy(noState, caller, findings)
  const noKey = await refusalOf(visitor.work(async (session) => session.get(randomUUID())))
  if (noKey instanceof KmipTransportError) return unanswered(noKey, visitor, findings)
  if (noKey?.reason === 'AuthenticationNotSuccessful') return refusedBy(noKey, caller, findings)
  if (noKey?.reason === 'PermissionDenied')
    findings.fault(
      'client',
      `the client is trusted, and may not fetch keys: ${noKey.resultMessage ?? noKey.reason}`,
      rightMend,
    )
  else findings.good('client', 'the client is trusted')
  return 'trusted'
}

/** The server answers "no such object": it admits the client. */
export function isMissing(refused: KmipRefused): boolean {
  return refused.operation !== 'DiscoverVersions' && isNotFound(refused)
}

const rightMend = 'Give the client the right to do it (Mortise: mortise client set NAME --allow vsphere).'

/** Mortise's own messages. Other servers seldom say why. */
const words: readonly (readonly [RegExp, Exclude<ClientStanding, 'trusted'>])[] = [
  [/not trusted yet/, 'unknown'],
  [/is blocked/, 'blocked'],
  [/has expired/, 'expired'],
  [/not valid yet/, 'not-yet-valid'],
  [/user name (and|or) password/, 'credential'],
]

function refusedBy(
  refused: KmipRefused,
  { sha256 }: PresentedCertificate,
  findings: Findings,
): ClientStanding {
  const said = refused.resultMessage ?? ''
  const standing = words.find(([pattern]) => pattern.test(said))?.[1] ?? 'refused'
  const mends: Readonly<Record<typeof standing, string>> = {
    unknown: `It waits as a pending client. mortise client trust --name NAME --pending ${sha256}`,
    blocked: `If that was a mistake: mortise client unblock ${sha256}. Otherwise give vCenter a new certificate and trust that.`,
    expired: renewMend,
    'not-yet-valid': 'Set the clocks of vCenter and key server right (NTP).',
    credential:
      'Key Providers > the server > Edit > Password protection in vCenter, or mortise client set here; for the doctor: --credential-file.',
    refused:
      refused.reason === 'PermissionDenied' ? `${rightMend} Or: ${clientRefusedMend}` : clientRefusedMend,
    unclear: clientRefusedMend,
  }
  const reason = said === '' ? (refused.reason ?? refused.status) : said
  if (refused.reason === 'InvalidMessage' || refused.reason === 'UnsupportedProtocolVersion')
    findings.fault(
      'kmip',
      `the server does not take messages of KMIP 1.1, which vCenter sends: ${reason}`,
      'Let it speak KMIP 1.1 (Mortise: kmip.versions). Whether it trusts the client is not known before.',
    )
  else findings.fault('client', `the server lets the client do nothing: ${reason}`, mends[standing])
  return standing
}

/** A connection failed that asked for a certain server: it was not that one, or it broke off. */
export function tellUnrecognized(error: KmipTransportError, findings: Findings): void {
  if (brokeOff(error)) return tellBroken(error, findings)
  if (datesAreWrong.has(error.code ?? ''))
    return findings.fault(
      'certificate',
      `it is not the server expected, or another CA than those given signed it: ${error.what}`,
      'If an intermediate CA signed it, give the doctor that one too: all in one file of --ca. Or recognize the server by its certificate: ' +
        '--fingerprint SHA256. If not, this is not your server. The doctor asks it nothing.',
    )
  findings.fault(
    'certificate',
    `it is not the server expected: ${error.what}`,
    'If its certificate was renewed, trust the new one in vCenter: Key Providers > the server > Establish Trust > Make vCenter Trust KMS, and compare the ' +
      'thumbprint. If not, this is not your server. The doctor asks it nothing.',
  )
}

export const datesAreWrong: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** No certificate was judged. */
function brokeOff({ stage, code = '' }: KmipTransportError): boolean {
  return stage !== 'handshake' || /^(?:TIMEOUT|CLOSED|E[A-Z]+|ERR_SSL_.*)$/.test(code)
}

function tellBroken({ what }: KmipTransportError, findings: Findings): void {
  findings.fault(
    'reach',
    `a further connection failed: ${what}`,
    'The server, or something on the way, took some connections and not this one: it may have a limit on them, or have been stopped meanwhile. Look at its log for this moment.',
  )
}

async function unanswered(
  error: KmipTransportError,
  visitor: Visitor,
  findings: Findings,
): Promise<ClientStanding> {
  if (error.stage === 'connect' || (error.stage === 'handshake' && error.code === 'TIMEOUT')) {
    tellBroken(error, findings)
    return 'unclear'
  }
  if (!brokeOff(error)) {
    tellUnrecognized(error, findings)
    return 'unclear'
  }
  if (error.code !== 'CUT' && tellAnother(await visitor.service(), findings)) return 'unclear'
  if (error.stage === 'handshake' || error.code === 'CLOSED' || error.code === 'ECONNRESET') {
    findings.fault(
      'client',
      `the server ends the connection instead of answering: ${error.what}`,
      clientRefusedMend,
    )
    return 'refused'
  }
  findings.fault('kmip', error.what, unansweredMend(error))
  return 'unclear'
}

function unansweredMend({ stage, code }: KmipTransportError): string {
  if (stage === 'protocol')
    return 'The service there speaks TLS, but not KMIP 1.1: correct the port. Some servers have KMIP switched on separately.'
  if (code === 'CUT')
    return 'The server, or something on the way (firewall, intrusion prevention, load balancer), cut its answer off: look at their logs for this moment.'
  return 'The server took the request and did not answer in time: look at its log, and at the root key or HSM behind it.'
}
