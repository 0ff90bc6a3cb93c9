// Conditions of access: certificates and tokens that expire, tokens that should not be there any more, clients that wait
// or ask for something that this server does not speak.

import { gauge } from '../../../base/metric.ts'
import type { MetricsOf } from '../../../outside/telemetry/metric-table.ts'
import { canCheck } from '../../../core/trust/credential.ts'
import { bootstrapName } from '../../../core/trust/identity.ts'
import { expiryWarningDays } from '../../../base/bounds.ts'
import { expiriesOf, type Expiry } from '../expiries.ts'
import { isoTime } from '../../../doors/http/views/shown.ts'
import type { ServerCertificateChanges } from '../../../core/identity/server-certificate-changes.ts'
import type { Certificate } from '../../../core/pki/certificate.ts'
import type { SigningIdentity } from '../../../core/pki/issue.ts'
import type { ServerNotes, NotedRecovery } from '../../../core/sealing/server-notes.ts'
import type { Machine } from '../../../core/server/machine.ts'
import type { LastSeen } from '../../../core/trust/last-seen.ts'
import type { Pending } from '../../../core/trust/pending.ts'
import type { Token } from '../../../core/trust/rows.ts'
import type { UnservedVersion, UnservedVersions } from '../../../core/trust/unserved-versions.ts'
import type { CommonFacts } from '../../../core/conditions/conditions.ts'
import { conditionsAlone } from '../../../doors/http/feature.ts'
import {
  dayMs,
  days,
  instanceName,
  serverOccurrence,
  type ConditionLines,
  type Occurrence,
} from '../../../core/conditions/line.ts'

/** The first token is for setup. A warning names it when it is older than this. */
const bootstrapTokenDays = 7
const tokenWarningDays = 14
/** A token that was not used for this long should be revoked. */
const tokenUnusedDays = 90
/** The number of days for which status reports a recovered manager token. */
const tokenRecoveryToldDays = 7

export interface AccessNeeds {
  /** The CA that signs certificates for `client issue` and `client sign`. */
  readonly authority: SigningIdentity
  readonly lastSeen: Pick<LastSeen, 'of'>
  readonly machine: Pick<Machine, 'adminCertificate'>
  readonly notes: Pick<ServerNotes, 'read'>
  readonly pending: Pick<Pending, 'follow' | 'list'>
  /** The certificate that the KMIP listener presents now. */
  readonly serverCertificate: () => Certificate
  readonly serverCertificates: Pick<ServerCertificateChanges, 'view'>
  readonly unservedVersions: Pick<UnservedVersions, 'list'>
}

export interface AccessFacts extends CommonFacts {
  readonly expiries: readonly Expiry[]
  /** The staged server certificate that is switched to at a time. */
  readonly scheduledSwitch: { readonly sha256: string; readonly atMs: number } | null
  readonly tokens: readonly TokenFacts[]
  readonly pendingClients: number
  readonly unservedVersions: readonly UnservedVersion[]
  readonly tokenRecovery: NotedRecovery | null
}

interface TokenFacts {
  readonly token: Token
  /** null: never used. */
  readonly lastUsedMs: number | null
}

export const accessConditions = {
  'certificate-expires': {
    severity: 'warning',
    meaning: `A certificate that something depends on expires within ${expiryWarningDays} days: of the server, its CA, its admin API, a client, or a CA that vouches for clients.`,
    action: 'Renew it in time: docs/operate.md, Renewals.',
    find: (facts) => expiring(facts, ({ daysLeft }) => daysLeft >= 0 && daysLeft < expiryWarningDays),
  },
  'certificate-expired': {
    severity: 'critical',
    meaning:
      'A certificate that something depends on has expired. A pinned certificate of a client is served for its days of grace; everything else fails.',
    action: 'Renew it now: docs/operate.md, Renewals.',
    find: (facts) => expiring(facts, ({ daysLeft }) => daysLeft < 0),
  },
  'certificate-switch': {
    severity: 'notice',
    meaning: 'The KMIP listener switches to a staged certificate at a time that an administrator set.',
    action:
      'Trust the staged certificate in every vCenter before that time: mortise server-cert show. To call it off: mortise server-cert discard',
    find: ({ scheduledSwitch }) =>
      scheduledSwitch === null
        ? []
        : [
            serverOccurrence(
              `the server switches to the staged certificate at ${isoTime(scheduledSwitch.atMs)} (SHA-256 ${scheduledSwitch.sha256.slice(0, 16)}...)`,
              scheduledSwitch.sha256,
            ),
          ],
  },
  'credential-not-checked': {
    severity: 'critical',
    meaning:
      'A client has a password that was set outside FIPS mode and is hashed by scrypt, which FIPS mode does not have. The server cannot check it, and refuses the client.',
    action:
      'Set the same user name and password again: mortise client set NAME --user USER --password-file FILE',
    find: ({ trust: { tables } }) =>
      [...tables.client.values()]
        .filter(({ credential }) => credential !== null && !canCheck(credential))
        .map(({ id, instanceId, name }) => ({
          instanceId,
          about: id,
          message: `the password of the client ${name} cannot be checked in FIPS mode`,
        })),
  },
  'token-expires': {
    severity: 'warning',
    meaning: `A token of the admin API expires within ${tokenWarningDays} days.`,
    action:
      'If a person or a program uses it, create its successor with a token that lives longer: mortise token create. If none does: mortise token revoke',
    find: ({ tokens, tokenRecovery, nowMs, trust }) =>
      tokens
        .filter(({ token: { id } }) => id !== tokenRecovery?.tokenId)
        .flatMap(({ token }) => {
          const leftMs = (token.expiresMs ?? Infinity) - nowMs
          if (leftMs <= 0 || leftMs > tokenWarningDays * dayMs) return []
          return [ofToken({ token }, `expires ${within(Math.floor(leftMs / dayMs))}`, trust)]
        }),
  },
  'token-unused': {
    severity: 'notice',
    meaning: `No person and no program used a token of the admin API for ${tokenUnusedDays} days.`,
    action: 'Revoke it if no person and no program needs it: mortise token revoke',
    find: ({ tokens, nowMs, trust }) =>
      tokens
        .filter(({ token: { expiresMs } }) => expiresMs === null || expiresMs > nowMs)
        .flatMap(({ token, lastUsedMs }) => {
          const idle = Math.floor((nowMs - (lastUsedMs ?? token.createdMs)) / dayMs)
          if (idle < tokenUnusedDays) return []
          const since =
            lastUsedMs === null ? `was never used in ${days(idle)}` : `was not used for ${days(idle)}`
          return [ofToken({ token }, since, trust)]
        }),
  },
  'bootstrap-token': {
    severity: 'warning',
    meaning: `The first token, which may do everything and lies in the data folder, is still valid after ${days(bootstrapTokenDays)}.`,
    action:
      'Make a token for each person and program (mortise token create), then revoke the first one: mortise token revoke bootstrap',
    find: ({ tokens, nowMs }) =>
      tokens
        .filter(({ token: { name, instanceId } }) => name === bootstrapName && instanceId === null)
        .map(({ token: { createdMs } }) => Math.floor((nowMs - createdMs) / dayMs))
        .filter((age) => age > bootstrapTokenDays)
        .map((age) =>
          serverOccurrence(
            `the first token, a manager's for everything, is ${days(age)} old and lies in the data folder`,
          ),
        ),
  },
  'token-recovered': {
    severity: 'warning',
    meaning: `A person made a manager's token with the root key (mortise token recover) in the last ${tokenRecoveryToldDays} days.`,
    action:
      'Make sure that one of you did it: mortise audit list --action token.recover. If not, a stranger has the data folder and the root key.',
    find: ({ tokenRecovery, nowMs }) =>
      tokenRecovery !== null && nowMs - tokenRecovery.atMs < tokenRecoveryToldDays * dayMs
        ? [
            serverOccurrence(
              `a manager's token was made with the root key at ${isoTime(tokenRecovery.atMs)}`,
              tokenRecovery.tokenId,
            ),
          ]
        : [],
  },
  'pending-clients': {
    severity: 'notice',
    meaning: 'Certificates that no administrator trusted have connected, and wait for a decision.',
    action:
      'Compare the whole SHA-256, then trust or block it: mortise client pending, then mortise client trust or mortise client block',
    find: ({ pendingClients }) =>
      pendingClients === 0
        ? []
        : [
            serverOccurrence(
              pendingClients === 1
                ? 'an unknown certificate connected and waits for a decision'
                : `${pendingClients} unknown certificates connected and wait for a decision`,
            ),
          ],
  },
  'unsupported-version': {
    severity: 'notice',
    meaning: 'A trusted client asked for a version of KMIP that this server does not speak.',
    action: 'Set the client to a version that docs/kmip-conformance.md lists.',
    find: ({ unservedVersions, trust: { tables } }) =>
      unservedVersions.map(({ clientId, instanceId, version, count, lastMs }) => {
        const name = tables.client.get(clientId)?.name ?? clientId
        const often = count === 1 ? 'once' : `${String(count)} times`
        return {
          instanceId,
          about: `${clientId} ${version}`,
          message: `the client ${name} of the instance ${instanceName(tables, instanceId)} asked for KMIP ${version} ${often}, last at ${isoTime(lastMs)}`,
        }
      }),
  },
} as const satisfies ConditionLines<AccessFacts>

export async function accessFacts(parts: AccessNeeds, common: CommonFacts): Promise<AccessFacts> {
  const { authority, machine, notes, pending, serverCertificate, unservedVersions } = parts
  const own = {
    server: serverCertificate(),
    authority: authority.certificate,
    admin: machine.adminCertificate(),
  }
  await pending.follow()
  return {
    ...common,
    expiries: await expiriesOf(common.trust.tables, own, common.nowMs),
    scheduledSwitch: scheduledSwitch(parts),
    tokens: await tokenFacts(parts, common.trust),
    pendingClients: pending.list().length,
    unservedVersions: unservedVersions.list(),
    tokenRecovery: (await notes.read('token-recovery')) ?? null,
  }
}

export const accessMetrics = {
  pendingClients: gauge('pending_clients', 'Unknown certificates that connected and wait for a decision.'),
  certificates: gauge('certificates', 'Certificates whose expiry is watched, by kind.', 'kind'),
  certificateDaysLeft: gauge(
    'certificate_days_left',
    'Days until the next certificate of a kind expires; negative once it has.',
    'kind',
  ),
  certificatesExpiring: gauge(
    'certificates_expiring',
    'Certificates with fewer than 30 days left, expired ones included, by kind.',
    'kind',
  ),
}

export function accessGauges(
  { expiries, pendingClients }: AccessFacts,
  gauges: MetricsOf<typeof accessMetrics>,
): void {
  gauges.pendingClients.set(pendingClients)
  const { certificates, certificateDaysLeft, certificatesExpiring } = gauges
  for (const gauge of [certificates, certificateDaysLeft, certificatesExpiring]) gauge.reset()
  for (const [kind, ofKind] of Map.groupBy(expiries, (expiry) => expiry.kind)) {
    certificates.set({ kind }, ofKind.length)
    certificateDaysLeft.set({ kind }, Math.min(...ofKind.map(({ daysLeft }) => daysLeft)))
    const soon = ofKind.filter(({ daysLeft }) => daysLeft < expiryWarningDays)
    certificatesExpiring.set({ kind }, soon.length)
  }
}

export const accessState = conditionsAlone({
  conditions: accessConditions,
  facts: accessFacts,
  metrics: accessMetrics,
  gauges: accessGauges,
})

function scheduledSwitch({ serverCertificates }: AccessNeeds): AccessFacts['scheduledSwitch'] {
  const { staged } = serverCertificates.view()
  if (!staged || staged.atMs === null) return null
  return { sha256: staged.certificate.sha256, atMs: staged.atMs }
}

async function tokenFacts(
  { lastSeen }: AccessNeeds,
  { tables }: CommonFacts['trust'],
): Promise<readonly TokenFacts[]> {
  const tokens = [...tables.token.values()]
  const seen = await lastSeen.of(tokens.map(({ sha256 }) => sha256))
  return tokens.map((token) => ({ token, lastUsedMs: seen.get(token.sha256)?.lastMs ?? null }))
}

/** `in 3 days`; whole days that are left. */
function within(daysLeft: number): string {
  return daysLeft === 0 ? 'within a day' : `in ${days(daysLeft)}`
}

function expiring(
  { expiries, trust: { tables } }: AccessFacts,
  isCounted: (expiry: Expiry) => boolean,
): readonly Occurrence[] {
  return expiries.filter(isCounted).map((expiry) => {
    const { kind, name, instanceId, daysLeft, sha256 } = expiry
    const when =
      daysLeft >= 0
        ? `expires ${within(daysLeft)}`
        : daysLeft === -1
          ? 'expired within the last day'
          : `expired ${days(-daysLeft - 1)} ago`
    const of = instanceId === null ? '' : ` of the instance ${instanceName(tables, instanceId)}`
    const what = {
      client: `a certificate of the client ${name}${of}`,
      'client-ca': `the CA that vouches for the client ${name}${of}`,
      server: name,
      'server-ca': name,
      admin: name,
    }[kind]
    const message = `${what} ${when} (SHA-256 ${sha256.slice(0, 16)}...)`
    return { instanceId, about: sha256, message, action: renewals[kind] }
  })
}

const renewals: Record<Expiry['kind'], string> = {
  client:
    'Renew it in vCenter, trust the new one under the same name (mortise client trust), then take this one away.',
  'client-ca': 'Trust its successor under the same name: mortise client trust --ca.',
  server: 'Renew it: mortise server-cert renew. vCenter has to trust the new one.',
  'server-ca': 'What it issued goes on working where it is pinned. Plan new certificates.',
  admin: 'The server renews it by itself, and could not: its log says why.',
}

function ofToken(
  { token: { id, name, role, instanceId } }: Pick<TokenFacts, 'token'>,
  what: string,
  { tables }: AccessFacts['trust'],
): Occurrence {
  const reach = instanceId === null ? 'all instances' : `the instance ${instanceName(tables, instanceId)}`
  return { instanceId, about: id, message: `the token ${name} (${role}, ${reach}) ${what}` }
}
