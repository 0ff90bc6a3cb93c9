// People and their logins through the identity provider, as the configuration says. Part of the composition root. Nothing here asks the
// provider before somebody logs in.

import { Logins } from './logins.ts'
import { largest, MinuteQuota } from '../../core/audit/minute-quota.ts'
import type { Core } from '../../core/server/core.ts'
import { subnetOf } from '../../base/address.ts'
import { LoginError } from './oidc/error.ts'
import type { Provider, ProviderSettings } from './oidc/provider.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { LevelledLog } from '../../core/ports/log.ts'
import { LoginFlows } from '../../core/trust/login-flows.ts'
import { People } from '../../core/trust/people.ts'
import type { Settings } from '../../host/settings.ts'

const minuteMs = 60_000

export interface LoginParts extends Pick<Core, 'access' | 'clock' | 'secrets' | 'sessions' | 'trust'> {
  readonly settings: Pick<Settings, 'now'>
  readonly log: Pick<LevelledLog, 'warn'>
}

export async function openLogins(
  { settings, log, secrets, clock, access, trust, sessions }: LoginParts,
  opened: AsyncDisposableStack,
): Promise<{ readonly people: People; readonly logins: Logins }> {
  const { issuer, name, ...client } = settings.now.oidc
  const people = new People({
    access,
    clock,
    changes: trust.personSessions,
    settings: () => {
      const { roles, sessionMinutes, idleMinutes } = settings.now.oidc
      return {
        issuer,
        rules: roles,
        sessionMs: sessionMinutes * minuteMs,
        idleMs: idleMinutes * minuteMs,
      }
    },
  })
  const logged = new MinuteQuota(clock, ({ count, groups }) =>
    log.warn(
      { count, subnets: groups.length, most: largest(groups) },
      'more logins through the identity provider failed',
    ),
  )
  opened.defer(() => logged.flush())
  const logins = new Logins({
    provider: issuer === null ? null : await openProvider({ ...client, issuer }, clock),
    issuer: issuer ?? '',
    name: name === '' && issuer !== null ? new URL(issuer).host : name,
    flows: new LoginFlows({ macs: secrets, clock }),
    people,
    sessions,
    subnetOf,
    onFailure: (error, subnet) => {
      if (error instanceof LoginError && (error.failure === 'pending' || error.failure === 'slow-down'))
        return
      if (logged.take(subnet)) log.warn({ error }, 'a login through the identity provider failed')
    },
  })
  return { people, logins }
}

/** Loaded only here: most servers have no provider. */
async function openProvider(settings: ProviderSettings, clock: Clock): Promise<Provider> {
  const { Provider: Opened } = await import('./oidc/provider.ts')
  return new Opened(settings, clock)
}
