// The doctor: does what vCenter, a host or vSAN does at each address of a key provider, and reports what they would
// meet. It changes nothing at the server except for the test key, which needs permission. Works against any KMIP
// server.

import { isIP } from 'node:net'
import type { WireCredential } from '../../wire/kmip/credential.ts'
import { addressText, type Address } from '../../base/kmip-address.ts'
import type { Timeouts } from '../../outside/kmip-client/connection.ts'
import type { ServerTrust } from '../../outside/kmip-client/tls.ts'
import { parseCertificates } from '../../core/pki/certificate.ts'
import { fingerprint } from '../../core/pki/fingerprint.ts'
import { signedBy } from '../../core/pki/match.ts'
import { namesIn } from '../../core/pki/server-chain.ts'
import { dangerous } from './checks.ts'
import { examineCertificate, namesHost, type SeenCertificate } from './doctor-certificate.ts'
import {
  datesAreWrong,
  examineClient,
  standingAt,
  tellUnrecognized,
  Visitor,
  type PresentedCertificate,
  type ClientStanding,
} from './doctor-client.ts'
import { Findings, type DoctorFinding } from './doctor-findings.ts'
import { serviceBehindTls, tellService } from './doctor-kmip.ts'
import { compareLists, tryKey, type Node } from './doctor-keys.ts'
import { reach, resolveByDns, type Reached, type Resolve } from './doctor-reach.ts'
import { examineTls, offers, shake, type TlsHandshakeFacts } from './doctor-tls.ts'
import { KeyInventory } from './key-inventory.ts'

export interface DoctorOptions {
  readonly addresses: readonly Address[]
  /** PEM, both or neither. Without them the doctor does not authenticate. */
  readonly client?: { readonly cert: string; readonly key: Buffer } | undefined
  readonly credential?: WireCredential | undefined
  /** How to recognize the right server. Undefined: accept any. */
  readonly trust?: ServerTrust | undefined
  /** Permission to create a test key, which is destroyed afterwards. */
  readonly writeTest: boolean
  /**
   * Runs the work on the test key. If the user interrupts the doctor, it waits until that key is destroyed. Left out: nothing
   * waits.
   */
  readonly toItsEnd?: (work: () => Promise<boolean>) => Promise<boolean>
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number
  readonly timeouts?: Partial<Timeouts>
  /** Default: DNS and the hosts file. */
  readonly resolve?: Resolve
}

/** A name with several IP addresses has one for each, since another server may answer at each of them. */
export interface AddressReport {
  readonly address: string
  /** The IP address, if it answers. */
  readonly resolved: readonly string[]
  readonly tls: TlsHandshakeFacts['suites'] | null
  readonly certificate: SeenCertificate | null
  /** Null: not asked. */
  readonly client: ClientStanding | null
  /** In milliseconds; the slowest of several. Null: there was none. */
  readonly connectMs: number | null
  readonly handshakeMs: number | null
  readonly requestMs: number | null
  readonly findings: readonly DoctorFinding[]
}

export interface Diagnosis {
  /** Nothing would fail. */
  readonly ok: boolean
  readonly client: { readonly sha256: string; readonly subject: string; readonly notAfter: string } | null
  /** Null: no permission, or no server to ask. */
  readonly testKey: boolean | null
  readonly addresses: readonly AddressReport[]
  /** The findings that concern no single address. */
  readonly findings: readonly DoctorFinding[]
}

/** vSAN's health check gives up after about 5 s (KB 67115). Already one second is a warning sign. */
const slowMs = { warning: 1_000, fault: 5_000 }
/** From a difference of this much on, a clock is wrong, and no longer only inexact. */
const clockWarningMs = 5 * 60_000
const defaultTimeouts: Timeouts = { connectMs: 5_000, handshakeMs: 6_000, answerMs: 10_000 }

interface Examined {
  readonly address: Address
  readonly report: Omit<AddressReport, 'findings' | 'requestMs' | 'handshakeMs'>
  readonly findings: Findings
  readonly visitor: Visitor | undefined
  readonly handshakeMs: readonly number[]
}

export async function diagnose(options: DoctorOptions): Promise<Diagnosis> {
  const general = new Findings()
  const { client, credential, nowMs } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const certificate = client && examineClient(client, general, nowMs)
  if (!client)
    general.note(
      'client',
      'without a client certificate the doctor checks only network, TLS, certificate, and that KMIP is spoken',
      "Give vCenter's: --cert PEM --key KEY. Or one of your own, which the server trusts (Mortise: mortise client issue).",
    )
  const shown = client && certificate ? client : {}
  const caller = certificate && { shown, sha256: certificate.sha256, credential, timeouts }
  const inventory = new KeyInventory()
  const means = { shown, caller, inventory, timeouts }
  const examined = (
    await Promise.all(options.addresses.map(async (address) => examineHost(address, options, means)))
  ).flat()
  compareCertificates(examined, general)
  const testKey = await compareKeys(examined, options, general)
  const addresses = examined.map(reportOf)
  const all = [general.list, ...addresses.map(({ findings }) => findings)].flat()
  return {
    ok: all.every(({ severity }) => severity !== 'fault'),
    client: certificate
      ? {
          sha256: certificate.sha256,
          subject: certificate.subject,
          notAfter: new Date(certificate.notAfterMs).toISOString(),
        }
      : null,
    testKey,
    addresses,
    findings: general.list,
  }
}

interface Means {
  readonly shown: PresentedCertificate['shown']
  readonly caller: PresentedCertificate | undefined
  readonly inventory: KeyInventory
  readonly timeouts: Timeouts
}

/** At each IP address of the host that accepts connections. A client that resolves the name may get any of them. */
async function examineHost(
  address: Address,
  options: DoctorOptions,
  means: Means,
): Promise<readonly Examined[]> {
  const findings = new Findings()
  const { resolve = resolveByDns } = options
  const open = await reach(address, findings, { timeoutMs: means.timeouts.connectMs, resolve })
  if (open.length === 0)
    return [{ address, report: emptyReport(address), findings, visitor: undefined, handshakeMs: [] }]
  return Promise.all(
    open.map(async (reached, index) => {
      const own = index === 0 ? findings : new Findings()
      const at = isIP(address.host) ? address : { ...address, ip: reached.ip }
      const { report, ...examined } = await examine(at, reached, own, { options, means })
      return { ...examined, report: { ...report, address: addressText(open.length === 1 ? address : at) } }
    }),
  )
}

function emptyReport(address: Address): Examined['report'] {
  return {
    address: addressText(address),
    resolved: [],
    connectMs: null,
    tls: null,
    certificate: null,
    client: null,
  }
}

async function examine(
  address: Address,
  { ip, connectMs }: Reached,
  findings: Findings,
  { options, means }: { readonly options: DoctorOptions; readonly means: Means },
): Promise<Examined> {
  const { shown, caller, inventory, timeouts } = means
  findings.good(
    'reach',
    `TCP connects in ${connectMs.toFixed(1)} ms${isIP(address.host) ? '' : ` (${address.host} is ${ip})`}`,
  )
  const report = { ...emptyReport(address), resolved: [ip], connectMs }
  const tls = await examineTls(address, shown, findings, timeouts)
  const { nowMs } = options
  const certificate = tls.certificate
    ? examineCertificate(tls.certificate, address.host, findings, nowMs)
    : null
  const client = tls.isClientRefused ? ('refused' as const) : null
  const seen = { ...report, tls: tls.suites, certificate, client }
  if (!tls.usable) return { address, report: seen, findings, visitor: undefined, handshakeMs: [] }
  const trust = await judgeTrust(address, options, means, { findings, certificate: tls.certificate })
  if (trust && !caller) tellService(await serviceBehindTls(address, shown, timeouts), findings)
  const visitor = trust && caller && new Visitor(address, caller, { trust, inventory })
  const standing = visitor && caller ? await standingAt(visitor, caller, findings) : null
  return { address, report: { ...seen, client: standing }, findings, visitor, handshakeMs: tls.handshakeMs }
}

/**
 * How its further connections recognize the server, whose name and dates other checks judge. Undefined: it is not the one expected, or may be
 * another one where it would get a password; it gets no request.
 */
async function judgeTrust(
  address: Address,
  { trust = { by: 'nothing' }, credential }: DoctorOptions,
  means: Means,
  { findings, certificate }: { readonly findings: Findings; readonly certificate: Buffer | undefined },
): Promise<ServerTrust | undefined> {
  if (trust.by === 'nothing') return trust
  const { refused } = await shake(address, offers.any, means.shown, means.timeouts, trust)
  if (refused === undefined) return trust
  const { code = '' } = refused
  // OpenSSL tells the last one of several errors: a certificate with wrong dates may be one that no CA signed as well.
  const isKnown =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID' || (datesAreWrong.has(code) && isVouchedFor(certificate, trust))
  if (!isKnown || !certificate) tellUnrecognized(refused, findings)
  else if (credential && !namesHost(namesIn(certificate), address.host))
    findings.fault(
      'certificate',
      `the CA did not sign the server's certificate for ${address.host}: every server of that CA would get the password`,
      'Give vCenter a name that stands in it, or recognize the server by its certificate: --fingerprint SHA256. The doctor asks it nothing.',
    )
  else return { by: 'fingerprint', sha256: fingerprint(certificate) }
  return undefined
}

/** The certificate is one of those given, or one of them signed it. */
function isVouchedFor(certificate: Buffer | undefined, trust: ServerTrust): boolean {
  if (!certificate || trust.by !== 'authority') return false
  return parseCertificates(trust.pem).some(({ der }) => certificate.equals(der) || signedBy(certificate, der))
}

function compareCertificates(examined: readonly Examined[], general: Findings): void {
  const hosts = Map.groupBy(examined, ({ address: { host, port } }) => addressText({ host, port }))
  for (const [host, ofHost] of hosts)
    if (certificatesOf(ofHost) > 1)
      general.warning(
        'certificate',
        `${host} shows ${certificatesOf(ofHost)} different certificates at its IP addresses`,
        'vCenter trusts the one that it was shown, and may meet another one next time. Give vCenter each IP address as a server (KMS) of its own, or have all ' +
          'show the same certificate, as nodes of Mortise with one database do.',
      )
  if (hosts.size > 1 && certificatesOf(examined) > 1)
    general.note(
      'certificate',
      `the addresses show ${certificatesOf(examined)} different certificates`,
      'Each must be trusted in vCenter by itself: Establish Trust > Make vCenter Trust KMS, once for each server.',
    )
}

function certificatesOf(examined: readonly Examined[]): number {
  return new Set(examined.flatMap(({ report }) => report.certificate?.sha256 ?? [])).size
}

async function compareKeys(
  examined: readonly Examined[],
  { writeTest, toItsEnd = (work) => work() }: DoctorOptions,
  general: Findings,
): Promise<boolean | null> {
  const nodes = examined.flatMap(({ visitor, findings, report }): Node[] =>
    visitor && report.client === 'trusted' ? [{ visitor, findings }] : [],
  )
  if (nodes.length === 0) return null
  await compareLists(nodes)
  if (writeTest) return toItsEnd(() => tryKey(nodes))
  general.note(
    'keys',
    'creating, fetching, activating and tagging a key were not tried',
    'With --write-test a test key goes that way at all addresses, and is destroyed afterwards.',
  )
  return null
}

function reportOf({ report, findings, visitor, handshakeMs }: Examined): AddressReport {
  const slowestHandshake = slowest([...handshakeMs, ...(visitor?.runLog.handshakeMs ?? [])])
  const slowestRequest = slowest(visitor?.runLog.requestMs ?? [])
  judgeTime('a handshake', slowestHandshake, findings)
  judgeTime('a request', slowestRequest, findings)
  if (slowestHandshake !== null && slowestHandshake < slowMs.warning)
    findings.good('time', timeText(slowestHandshake, slowestRequest))
  if (visitor) {
    judgeClock(visitor.runLog.clockAheadMs, findings)
    tellConduct(visitor, findings)
  }
  return { ...report, handshakeMs: slowestHandshake, requestMs: slowestRequest, findings: findings.list }
}

function timeText(handshakeMs: number, requestMs: number | null): string {
  const request = requestMs === null ? '' : `, the slowest request ${requestMs.toFixed(0)} ms`
  return `the slowest handshake took ${handshakeMs.toFixed(0)} ms${request}; vSAN gives up after ${slowMs.fault} ms`
}

function judgeTime(what: string, ms: number | null, findings: Findings): void {
  if (ms === null || ms < slowMs.warning) return
  const took = `${what} took ${(ms / 1000).toFixed(1)} s`
  const mend =
    'Look at the load of the key server, at DNS look-ups that it waits for, at the distance, and at intrusion prevention on the way. mortise bench measures it.'
  if (ms >= slowMs.fault) findings.fault('time', `${took}: vSAN's health check gives up after 5 s`, mend)
  else findings.warning('time', `${took}; vSAN's health check gives up after 5 s`, mend)
}

function judgeClock(aheadMs: number | undefined, findings: Findings): void {
  if (aheadMs === undefined || Math.abs(aheadMs) < clockWarningMs) return
  findings.warning(
    'time',
    `the server's clock is ${spanText(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`,
    'Set the clocks right (NTP), also those of vCenter and hosts: by a wrong one a certificate counts as expired or not valid yet, and the audit log has wrong times.',
  )
}

function spanText(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 120) return `${minutes} minutes`
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} hours` : `${Math.round(minutes / (24 * 60))} days`
}

function slowest(times: readonly number[]): number | null {
  return times.length === 0 ? null : Math.max(...times)
}

/** Reports faults of the answers themselves, whatever their content. */
function tellConduct({ runLog }: Visitor, findings: Findings): void {
  for (const { where, what } of runLog.violations)
    if (dangerous.has(what))
      findings.fault(
        'kmip',
        `${where}: ${what}`,
        'Let no vCenter make keys there: its disks would be encrypted with a wrong key. Report it to the maker of the key server.',
      )
    else
      findings.warning(
        'kmip',
        `${where}: ${what}`,
        'vSphere may stumble over such answers. Report it to the maker of the key server.',
      )
  for (const { where, what } of runLog.remarks) findings.note('kmip', `${where}: ${what}`)
}
