// Examines a KMIP server: every check in every version that the server speaks, one after the other, with what was made
// destroyed after each. Stops when the server is gone. Sums up by profile.

import { randomUUID } from 'node:crypto'
import type { Encoding } from '../../wire/kmip/encodings.ts'
import { operationExistsIn, type OperationName } from '../../wire/kmip/operations.ts'
import { atLeast, standards, type Version } from '../../wire/kmip/version.ts'
import { addressText } from '../../base/kmip-address.ts'
import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import type { OperationCheck } from './check.ts'
import { checks } from './checks.ts'
import { openExchange, type ClientExchange, type ExchangeOptions } from './exchange.ts'
import { Differs, NotSupported, CheckSession } from './check-session.ts'

/** This many checks in a row without an answer end the examination: the others would wait as long. */
const unansweredMax = 3

/** `missing`: the server says that it does not do the operation. `unchecked`: no answer came, or the server was gone before. */
export interface CheckResult {
  readonly result: 'works' | 'missing' | 'differs' | 'unchecked'
  /** Unless it works. */
  readonly why?: string
}

type ByVersion = { readonly [V in Version]?: CheckResult }

export interface Examined {
  readonly server: string
  readonly encoding: Encoding
  readonly versions: readonly Version[]
  /** The versions that the server does not speak, and what it answered. */
  readonly unspoken: readonly { readonly version: Version; readonly why: string }[]
  readonly checks: readonly {
    readonly operation: OperationName
    readonly what: string
    readonly found: ByVersion
  }[]
  readonly profiles: readonly { readonly profile: string; readonly found: ByVersion }[]
  /** Identifiers of objects that could not be destroyed. */
  readonly left: readonly string[]
  /** Why the examination stopped before its end; null: it did not. */
  readonly stopped: string | null
}

export interface ExamineOptions extends ExchangeOptions {
  /** Called with the number of versions that were asked, and then with that of checks. */
  readonly onProgress?: (step: 'versions' | 'checks', done: number, all: number) => void
  /** Once it is aborted, no further check begins, and the rest is as if it were not there. */
  readonly signal?: AbortSignal
}

/** Throws TlsOptionsError. Rejects with KmipRefused if the client may not destroy what it makes, with KmipTransportError if the server answers in no version. */
export async function examine(options: ExamineOptions): Promise<Examined> {
  await using exchange = openExchange(options)
  const word = `mortise-conformance ${randomUUID()}`
  const { onProgress = () => {}, signal, address, encoding } = options
  const { spoken, unspoken } = await spokenVersions(exchange, (done) =>
    onProgress('versions', done, standards.length),
  )
  await requireDestroy(exchange, spoken)
  const left: string[] = []
  const byCheck = new Map<OperationCheck, Partial<Record<Version, CheckResult>>>(
    checks.map((check) => [check, {}]),
  )
  const chosen = spoken.flatMap((version) =>
    checks
      .filter((check) => atLeast(version, check.since) && operationExistsIn(check.operation, version))
      .map((check) => ({ version, check })),
  )
  let unanswered = 0
  let stopped: string | null = null
  for (const [done, { version, check }] of chosen.entries()) {
    if (signal?.aborted === true) break
    const results = byCheck.get(check) ?? {}
    if (stopped !== null) {
      results[version] = { result: 'unchecked', why: stopped }
      continue
    }
    onProgress('checks', done, chosen.length)
    const session = new CheckSession(exchange, version, `${word} ${version} ${done}`)
    const { silent, ...finding } = await run(check, session)
    stopped = await goneSince(exchange, finding, silent)
    unanswered = silent ? unanswered + 1 : 0
    if (unanswered >= unansweredMax) stopped ??= `${String(unansweredMax)} checks in a row had no answer`
    results[version] = stopped === null ? finding : { result: 'unchecked', why: finding.why ?? stopped }
    left.push(...(stopped === null ? await session.cleanUp() : session.abandon()))
  }
  const all = checks.map((check) => ({
    operation: check.operation,
    what: check.what,
    found: byCheck.get(check) ?? {},
  }))
  const profiles = Object.entries(profileOperations).map(([profile, operations]) => ({
    profile,
    found: summed(
      spoken,
      all.filter(({ operation }) => operations.includes(operation)),
    ),
  }))
  const server = addressText(address)
  return { server, encoding, versions: spoken, unspoken, checks: all, profiles, left, stopped }
}

/** Throws KmipRefused if the client may not destroy what it makes. A server that only ends the connection has not refused. */
async function requireDestroy(exchange: ClientExchange, [version]: readonly Version[]): Promise<void> {
  if (version === undefined) return
  const session = new CheckSession(exchange, version, '')
  const [answer] = await session
    .batch([['Destroy', { UniqueIdentifier: randomUUID() }]])
    .catch((error: unknown) => {
      if (error instanceof KmipTransportError || error instanceof Differs) return []
      throw error
    })
  const { status, reason, message } = answer ?? {}
  if (status && reason === 'PermissionDenied') throw new KmipRefused('Destroy', { status, reason, message })
}

/** `silent`: a request had no answer in time. */
async function run(
  check: OperationCheck,
  session: CheckSession,
): Promise<CheckResult & { readonly silent: boolean }> {
  try {
    await check.run(session)
    return { result: 'works', silent: false }
  } catch (error) {
    if (error instanceof NotSupported) return { result: 'missing', why: error.message, silent: false }
    if (error instanceof Differs) return { result: 'differs', why: error.message, silent: false }
    if (!(error instanceof KmipTransportError)) throw error
    // A server that ends the connection after a request has answered it wrongly. One that was not reached has not.
    const isReached = error.stage === 'answer' || error.stage === 'protocol'
    const silent = error.code === 'TIMEOUT'
    return { result: isReached && !silent ? 'differs' : 'unchecked', why: error.what, silent }
  }
}

/** Why the server is gone; null: it is there. Only a check that did not end as expected may mean that. */
async function goneSince(
  exchange: ClientExchange,
  { result }: CheckResult,
  silent: boolean,
): Promise<string | null> {
  if (silent || result === 'works' || result === 'missing') return null
  try {
    await exchange.probe()
    return null
  } catch (error) {
    if (error instanceof KmipTransportError) return `the server is gone: ${error.what}`
    throw error
  }
}

/** Asks Query in each version. Rejects with the error of the first one if no answer came in any. */
async function spokenVersions(
  exchange: ClientExchange,
  onProgress: (done: number) => void,
): Promise<{
  readonly spoken: readonly Version[]
  readonly unspoken: readonly { readonly version: Version; readonly why: string }[]
}> {
  const spoken: Version[] = []
  const unspoken: { readonly version: Version; readonly why: string }[] = []
  let answered = false
  let first: KmipTransportError | undefined
  for (const [done, version] of standards.entries()) {
    onProgress(done)
    try {
      const [answer] = await new CheckSession(exchange, version, '').batch([
        ['Query', { QueryFunction: ['QueryOperations'] }],
      ])
      answered = true
      if (answer?.status === 'Success') spoken.push(version)
      else
        unspoken.push({
          version,
          why: `${answer?.reason ?? 'no answer'}${answer?.message === undefined ? '' : `: ${answer.message}`}`,
        })
    } catch (error) {
      if (error instanceof Differs) answered = true
      else if (!(error instanceof KmipTransportError)) throw error
      else if (error.stage === 'connect' || error.stage === 'handshake') throw error
      // A server that says nothing to the first version says nothing to the others either.
      else if (error.code === 'TIMEOUT' && !answered) throw error
      else first ??= error
      unspoken.push({ version, why: error instanceof KmipTransportError ? error.what : error.message })
    }
  }
  if (!answered && first) throw first
  return { spoken, unspoken }
}

/** The needs of the server profiles of [KMIP-Prof], as far as they can be checked from outside. */
const profileOperations: Readonly<Record<string, readonly OperationName[]>> = {
  'Baseline Server': [
    'Query',
    'DiscoverVersions',
    'Locate',
    'Check',
    'Get',
    'GetAttributeList',
    'AddAttribute',
    'ModifyAttribute',
    'DeleteAttribute',
    'Activate',
    'Revoke',
    'Destroy',
  ],
  'Symmetric Key Lifecycle': ['Create', 'Get', 'Locate', 'Activate', 'Revoke', 'Destroy'],
  'Asymmetric Key Lifecycle': ['CreateKeyPair', 'Activate', 'Revoke', 'Destroy'],
  'Opaque Managed Object Store': ['Register', 'Get'],
  'Basic Cryptographic': ['Encrypt', 'Decrypt'],
  'Advanced Cryptographic': [
    'Encrypt',
    'Decrypt',
    'SignatureVerify',
    'MACVerify',
    'Hash',
    'RNGRetrieve',
    'RNGSeed',
  ],
  'RNG Cryptographic': ['RNGRetrieve', 'RNGSeed'],
}

function summed(spoken: readonly Version[], concerned: Examined['checks']): ByVersion {
  const sum: Partial<Record<Version, CheckResult>> = {}
  for (const version of spoken) {
    const findings = concerned.flatMap(({ operation, what, found }) => {
      const finding = found[version]
      return finding ? [{ sentence: `${operation} ${what}`, ...finding }] : []
    })
    if (findings.length === 0) continue
    const bad = findings.filter(({ result }) => result !== 'works')
    const why = [...new Set(bad.map(({ sentence }) => sentence))].join('; ')
    const isAll = (one: CheckResult['result']) => bad.every(({ result }) => result === one)
    if (bad.length === 0) sum[version] = { result: 'works' }
    else if (bad.length === findings.length && isAll('missing')) sum[version] = { result: 'missing', why }
    else sum[version] = { result: isAll('unchecked') ? 'unchecked' : 'differs', why }
  }
  return sum
}
