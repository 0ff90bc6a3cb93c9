// Logins through an identity provider: that nobody keeps others from logging in, and what nobody learns without one.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Logins } from '../../../src/features/login/logins.ts'
import { subnetOf } from '../../../src/base/address.ts'
import { oidcLoginsPerAddressMax } from '../../../src/features/login/logins.ts'
import { oidcTimeoutMs } from '../../../src/features/login/oidc/provider.ts'
import { LoginError } from '../../../src/features/login/oidc/error.ts'
import { Provider } from '../../../src/features/login/oidc/provider.ts'
import { LoginFlows } from '../../../src/core/trust/login-flows.ts'
import { People } from '../../../src/core/trust/people.ts'
import { openCore } from '../../support/server/core.ts'
import { startWrongProvider } from '../../support/oidc/wrong-provider.ts'

const redirectUri = 'http://127.0.0.1:1/callback'

const subnets = {
  'an IPv4 address': (host: number) => (host === 0 ? '192.0.2.2' : '192.0.2.1'),
  'the /64 of an IPv6 address': (host: number) =>
    host === 0 ? '2001:db8:0:2::1' : `2001:db8:0:1::${host.toString(16)}`,
}

for (const [what, address] of Object.entries(subnets))
  test(`${what} has so many logins at the same time, and the next one of another goes on`, (t) =>
    bounded(t, address))

async function bounded(t: TestContext, address: (host: number) => string): Promise<void> {
  const { access, clock, secrets, sessions, trust } = await openCore(t)
  const { issuer, caFile, instead } = await startWrongProvider(t, () => clock.now())
  const client = { clientId: 'mortise', clientSecretFile: null, cliClientId: '' }
  const settings = { ...client, issuer, caFile, scopes: ['openid'], groupsClaim: 'groups' }
  const failures: unknown[] = []
  const logins = new Logins({
    provider: new Provider(settings, clock),
    name: 'Example',
    issuer,
    flows: new LoginFlows({ macs: secrets, clock }),
    people: new People({
      access,
      clock,
      changes: trust.personSessions,
      settings: () => ({ issuer, rules: [], sessionMs: 60_000, idleMs: 60_000 }),
    }),
    sessions,
    subnetOf,
    onFailure: (error) => failures.push(error),
  })
  const begin = (host: number) =>
    logins.begin({ address: address(host), requestId: 'r' }, 'kms.example', redirectUri)
  instead.set('/.well-known/openid-configuration', (response) => void response.writeHead(200).write('{'))
  const running = Array.from({ length: oidcLoginsPerAddressMax }, (_, at) => begin(at + 1))
  const other = begin(0)
  const all = Promise.allSettled([...running, other])
  const beyond = assert.rejects(begin(10), /too many logins from this address/)
  clock.pass(oidcTimeoutMs)
  await beyond
  for (const { status } of await all) assert.equal(status, 'rejected')
  assert.equal(failures.length, oidcLoginsPerAddressMax + 1)
  assert.ok(failures.every((error) => error instanceof LoginError && error.failure === 'unreachable'))
  instead.clear()
  assert.match((await begin(1)).url, new RegExp(`^${issuer}/authorize`))
}
