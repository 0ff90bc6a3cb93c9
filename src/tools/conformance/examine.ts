// Examines a KMIP server: every check in every version that the server speaks, one after the other, with what was made
// destroyed after each. Sums up by profile.

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

/** `missing`: the server says that it does not do the operation. */
export interface CheckResult {
  readonly result: 'works' | 'missing' | 'differs'
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
}

export interface ExamineOptions extends ExchangeOptions {
  readonly onCheck?: (version: Version, done: number, all: number) => void
  /** Once it is aborted, no further check begins, and the rest is as if it were not there. */
  readonly signal?: AbortSignal
}

/** Throws TlsOptionsError. Rejects with KmipRefused if the client may not destroy what it makes, with KmipTransportError if the server answers in no version. */
export async function examine(options: ExamineOptions): Promise<Examined> {
  await using exchange = openExchange(options)
  const word = `mortise-conformance ${randomUUID()}`
  const { spoken, unspoken } = await spokenVersions(exchange)
  await requireDestroy(exchange, spoken)
  const left: string[] = []
  const byCheck = new Map<OperationCheck, Partial<Record<Version, CheckResult>>>(
    checks.map((check) => [check, {}]),
  )
  for (const version of spoken) {
    const chosen = checks.filter(
      (check) => atLeast(version, check.since) && operationExistsIn(check.operation, version),
    )
    for (const [done, check] of chosen.entries()) {
      if (options.signal?.aborted === true) break
      options.onCheck?.(version, done, chosen.length)
      const session = new CheckSession(exchange, version, `${word} ${version} ${done}`)
      const finding = await run(check, session)
      const results = byCheck.get(check)
      if (results) results[version] = finding
      left.push(...(await session.cleanUp()))
    }
  }
  const { address, encoding } = options
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
  return { server: addressText(address), encoding, versions: spoken, unspoken, checks: all, profiles, left }
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

async function run(check: OperationCheck, session: CheckSession): Promise<CheckResult> {
  try {
    await check.run(session)
    return { result: 'works' }
  } catch (error) {
    if (error instanceof NotSupported) return { result: 'missing', why: error.message }
    if (error instanceof Differs) return { result: 'differs', why: error.message }
    if (error instanceof KmipTransportError) return { result: 'differs', why: error.what }
    throw error
  }
}

/** Asks Query in each version. Rejects with the error of the first one if no answer came in any. */
async function spokenVersions(exchange: ClientExchange): Promise<{
  readonly spoken: readonly Version[]
  readonly unspoken: readonly { readonly version: Version; readonly why: string }[]
}> {
  const spoken: Version[] = []
  const unspoken: { readonly version: Version; readonly why: string }[] = []
  let answered = false
  let first: KmipTransportError | undefined
  for (const version of standards) {
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
    const findings = concerned.flatMap(({ operation, found }) => {
      const finding = found[version]
      return finding ? [{ operation, ...finding }] : []
    })
    if (findings.length === 0) continue
    const bad = findings.filter(({ result }) => result !== 'works')
    const names = [...new Set(bad.map(({ operation }) => operation))].join(', ')
    if (bad.length === 0) sum[version] = { result: 'works' }
    else if (bad.length === findings.length && bad.every(({ result }) => result === 'missing'))
      sum[version] = { result: 'missing', why: names }
    else sum[version] = { result: 'differs', why: names }
  }
  return sum
}
