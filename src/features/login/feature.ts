// Logins of people through an identity provider.

import { subnetOf } from '../../base/address.ts'
import { largest, MinuteQuota } from '../../core/audit/minute-quota.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { LoginFlows } from '../../core/trust/login-flows.ts'
import { Logins } from './logins.ts'
import { LoginError } from './oidc/error.ts'
import type { Provider, ProviderSettings } from './oidc/provider.ts'
import { feature } from '../../doors/http/feature.ts'
import { loginHandlers } from './handlers.ts'
import type { LoginService, Needs } from './needs.ts'
import { loginRoutes } from './routes.ts'

export const login = feature({
  routes: loginRoutes,
  handlers: loginHandlers,
  open: async (needs: Needs, opened: AsyncDisposableStack): Promise<LoginService> => ({
    ...needs,
    logins: await openLogins(needs, opened),
  }),
  plugs: ({ logins }) => ({ logoutUrl: () => logins.logoutUrl }),
})

/** Nothing here asks the provider before a login. */
async function openLogins(
  { settings, log, secrets, clock, people, sessions }: Needs,
  opened: AsyncDisposableStack,
): Promise<Logins> {
  const { issuer, name, ...client } = settings.now.oidc
  const logged = new MinuteQuota(clock, ({ count, groups }) =>
    log.warn(
      { count, subnets: groups.length, most: largest(groups) },
      'more logins through the identity provider failed',
    ),
  )
  opened.defer(() => logged.flush())
  return new Logins({
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
}

/** Loaded only here: most servers have no provider. */
async function openProvider(settings: ProviderSettings, clock: Clock): Promise<Provider> {
  const { Provider: Opened } = await import('./oidc/provider.ts')
  return new Opened(settings, clock)
}
