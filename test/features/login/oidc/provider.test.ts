// What a provider may get wrong or somebody may forge, and that nobody is let in then; times by the server's clock; keys that change;
// and a provider that is slow.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { oidcLoginsMax, oidcTimeoutMs } from '../../../../src/features/login/oidc/provider.ts'
import { LoginError } from '../../../../src/features/login/oidc/error.ts'
import { Provider, type ProviderSettings } from '../../../../src/features/login/oidc/provider.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { rsaKey, startWrongProvider, type WrongProvider } from '../../../support/oidc/wrong-provider.ts'

const secrets = { state: 'a'.repeat(43), nonce: 'b'.repeat(43), verifier: 'c'.repeat(43) }
const redirectUri = 'https://kms.example.test/login/callback'
const answer = `?code=a-code&state=${secrets.state}`

async function begin(t: TestContext, more: Partial<ProviderSettings> = {}) {
  const clock = new MovableClock()
  clock.pass(Date.now() - clock.now())
  const says = await startWrongProvider(t, () => clock.now())
  says.claims = { ...says.claims, nonce: secrets.nonce }
  const provider = new Provider(settingsFor(says, more), clock)
  const logIn = () => provider.personByCode('console', { redirectUri, answer }, secrets)
  return { clock, says, provider, logIn }
}

function settingsFor({ issuer, caFile }: WrongProvider, more: Partial<ProviderSettings>): ProviderSettings {
  const client = { clientId: 'mortise', clientSecretFile: null, cliClientId: '' }
  return { issuer, caFile, ...client, scopes: ['openid'], groupsClaim: 'groups', ...more }
}

function fails(failure: LoginError['failure'], message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof LoginError, String(error))
    assert.match(error.message, message)
    assert.equal(error.failure, failure, error.message)
    return true
  }
}

test('the browser is sent to the provider with PKCE, state and nonce, and no secret', async (t) => {
  const { provider, says } = await begin(t)
  const url = new URL(await provider.authorizationUrl('console', redirectUri, secrets))
  assert.equal(`${url.origin}${url.pathname}`, `${says.issuer}/authorize`)
  const { code_challenge: challenge, ...sent } = Object.fromEntries(url.searchParams)
  assert.match(challenge ?? '', /^[\w-]{43}$/)
  assert.deepEqual(sent, {
    client_id: 'mortise',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    state: secrets.state,
    nonce: secrets.nonce,
    code_challenge_method: 'S256',
  })
  assert.doesNotMatch(url.href, new RegExp(secrets.verifier))
})

test('who it is comes of a token that all is right with, and the code is redeemed with its verifier', async (t) => {
  const { logIn, says } = await begin(t)
  says.claims = { ...says.claims, preferred_username: 'Anna', email: 'a@example.com' }
  assert.deepEqual(await logIn(), {
    issuer: says.issuer,
    subject: 'anna',
    name: 'Anna',
    names: ['Anna', 'a@example.com'],
    groups: ['managers'],
  })
  const { code, code_verifier: verifier, client_id: client } = Object.fromEntries(says.form)
  assert.deepEqual([code, verifier, client], ['a-code', secrets.verifier, 'mortise'])
})

const wrongClaims: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'of another issuer': { iss: 'https://evil.example' },
  'for another audience': { aud: 'somebody-else' },
  'for several, and not made for us': { aud: ['mortise', 'other'], azp: 'other' },
  'for several, and made for nobody': { aud: ['mortise', 'other'] },
  'with the nonce of another login': { nonce: 'd'.repeat(43) },
  'without a nonce': { nonce: undefined },
  'without a subject': { sub: undefined },
  'without an end': { exp: undefined },
}
for (const [what, claims] of Object.entries(wrongClaims))
  test(`an ID token ${what} lets nobody in`, async (t) => {
    const { logIn, says } = await begin(t)
    says.claims = { ...says.claims, ...claims }
    await assert.rejects(logIn(), fails('refused', /not accepted/))
  })

for (const algorithm of ['none', 'HS256'])
  test(`an ID token that is signed with ${algorithm} lets nobody in, though the provider offers it`, async (t) => {
    const { logIn, says } = await begin(t)
    says.algorithm = algorithm
    await assert.rejects(logIn(), fails('refused', /not accepted/))
  })

test('an ID token that another key signed lets nobody in', async (t) => {
  const { logIn, says } = await begin(t)
  says.key = rsaKey()
  await assert.rejects(logIn(), fails('refused', /signature/))
})

test("times are of the server's clock, whatever the machine's says", async (t) => {
  const { logIn, says, clock } = await begin(t)
  clock.pass(1000 * 24 * 3600_000)
  await logIn()
  const now = Math.floor(clock.now() / 1000)
  says.claims = { ...says.claims, exp: now - 60 }
  await assert.rejects(logIn(), fails('refused', /timestamp/))
  says.claims = { ...says.claims, exp: now + 600, nbf: now + 300 }
  await assert.rejects(logIn(), fails('refused', /timestamp/))
})

test('what the browser brings back must be of this login', async (t) => {
  const { provider, says } = await begin(t)
  const bring = (came: string) => provider.personByCode('console', { redirectUri, answer: came }, secrets)
  await assert.rejects(bring(`?code=a-code&state=${'e'.repeat(43)}`), fails('refused', /state/))
  await assert.rejects(bring('?code=a-code'), fails('refused', /state/))
  await assert.rejects(bring(`${answer}&iss=https://evil.example`), fails('refused', /iss/))
  await assert.rejects(bring(`${answer}&state=${secrets.state}`), fails('refused', /state/))
  await assert.rejects(
    bring(`?error=access_denied&error_description=no%0a%1b[31m&state=${secrets.state}`),
    fails('refused', /^the identity provider says access_denied no\?\?\[31m$/),
  )
  assert.deepEqual(
    says.asked.filter((at) => at === '/token'),
    [],
  )
})

test('keys are kept for a while; a new one is asked for at once, and an old one counts no more', async (t) => {
  const { logIn, says } = await begin(t)
  const fetched = () => says.asked.filter((at) => at === '/keys').length
  await logIn()
  await logIn()
  assert.equal(fetched(), 1)
  const old = { key: says.key, keyId: says.keyId }
  says.key = rsaKey()
  says.keyId = 'second'
  says.shown = [{ kid: 'second', key: says.key }]
  await logIn()
  assert.equal(fetched(), 2)
  Object.assign(says, old)
  await assert.rejects(logIn(), fails('refused', /key/))
  assert.deepEqual(
    says.asked.filter((at) => at.includes('well-known')).length,
    1,
    'what it says of itself is kept',
  )
})

test('groups come from the token, from a path in it, or from the userinfo endpoint of the same person', async (t) => {
  const { says, clock } = await begin(t)
  const groups = async (groupsClaim: string, claims: object) => {
    const { nonce, iss, aud, sub } = says.claims
    says.claims = { nonce, iss, aud, sub, ...claims }
    const provider = new Provider(settingsFor(says, { groupsClaim }), clock)
    return (await provider.personByCode('console', { redirectUri, answer }, secrets)).groups
  }
  assert.deepEqual(await groups('groups', { groups: 'one' }), ['one'])
  assert.deepEqual(await groups('a.b', { a: { b: ['deep'] } }), ['deep'])
  assert.deepEqual(await groups('a.b', { 'a.b': ['flat'], a: { b: ['deep'] } }), ['flat'])
  assert.deepEqual(await groups('groups', { groups: [1, null, 'two', ['x']] }), ['two'])
  assert.deepEqual(await groups('__proto__.x', {}), [])
  says.userinfo = { sub: 'anna', groups: ['asked for'] }
  assert.deepEqual(await groups('groups', {}), ['asked for'])
  says.userinfo = { sub: 'otto', groups: ['managers'] }
  await assert.rejects(groups('groups', {}), fails('refused', /not accepted/))
  await assert.rejects(
    groups('groups', { _claim_names: { groups: 'src1' } }),
    fails('misconfigured', /too many/),
  )
})

test('a provider that calls itself otherwise is refused, above all one of every organization', async (t) => {
  const { logIn, says } = await begin(t)
  says.metadata = { ...says.metadata, issuer: 'https://login.example/{tenantid}/v2.0' }
  await assert.rejects(logIn(), fails('refused', /issuer/))
})

test('a secret is sent where the provider has it, and never repeated', async (t) => {
  const { says, clock } = await begin(t)
  const file = path.join(path.dirname(says.caFile), 'secret')
  const provider = new Provider(settingsFor(says, { clientSecretFile: file }), clock)
  const logIn = () => provider.personByCode('console', { redirectUri, answer }, secrets)
  await assert.rejects(logIn(), fails('misconfigured', /secret of the client cannot be read/))
  writeFileSync(file, 'a secret of ours\n')
  says.instead.set('/token', (response) => {
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}')
  })
  await assert.rejects(logIn(), fails('misconfigured', /does not take this server for the client/))
  says.instead.clear()
  says.metadata = { ...says.metadata, token_endpoint_auth_methods_supported: ['client_secret_post'] }
  const other = new Provider(settingsFor(says, { clientSecretFile: file }), clock)
  await other.personByCode('console', { redirectUri, answer }, secrets)
  assert.equal(says.form.get('client_secret'), 'a secret of ours')
})

test('the command line may be another client, which has no secret', async (t) => {
  const { says, provider, clock } = await begin(t, { cliClientId: 'mortise-cli' })
  await assert.rejects(
    provider.personByCode('cli', { redirectUri, answer }, secrets),
    fails('refused', /not accepted/),
  )
  says.claims = { ...says.claims, aud: 'mortise-cli' }
  await provider.personByCode('cli', { redirectUri, answer }, secrets)
  assert.equal(says.form.get('client_id'), 'mortise-cli')
  assert.equal(says.form.has('client_secret'), false)
  assert.ok(clock)
})

/** Answers begin, and do not end. */
const drip = (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'application/json' }).write('{')

for (const at of ['/.well-known/openid-configuration', '/token', '/keys'])
  test(`a provider that sends a byte and no more at ${at} is given up in bounded time`, async (t) => {
    const { logIn, says, clock } = await begin(t)
    const reached = Promise.withResolvers<void>()
    says.instead.set(at, (response) => {
      drip(response)
      reached.resolve()
    })
    const login = logIn()
    const rejected = assert.rejects(login, fails('unreachable', /no answer within 15 seconds/))
    await reached.promise
    clock.pass(oidcTimeoutMs)
    await rejected
    says.instead.clear()
    await logIn()
  })

test('so many logins at the same time are bounded, and the next one is told so', async (t) => {
  const { logIn, says, clock } = await begin(t)
  says.instead.set('/.well-known/openid-configuration', drip)
  const running = Array.from({ length: oidcLoginsMax }, () => logIn())
  const all = Promise.allSettled(running)
  await assert.rejects(logIn(), fails('unreachable', /too many people/))
  clock.pass(oidcTimeoutMs)
  await all
})

test('a body without an end, a redirect and what is no JSON are no answer', async (t) => {
  const { logIn, says } = await begin(t)
  const at = '/.well-known/openid-configuration'
  says.instead.set(at, (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 32)));
    }
    response.on('drain', more)
    more()
  })
  await assert.rejects(logIn(), fails('unreachable', /more than/))
  says.instead.set(at, (response) => response.writeHead(302, { location: 'https://evil.example/' }).end())
  await assert.rejects(logIn(), fails('refused', /status code/))
  says.instead.set(at, (response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('<html>'),
  )
  await assert.rejects(logIn(), fails('refused', /not accepted/))
})

test('a certificate of another CA is not accepted', async (t) => {
  const { says, clock } = await begin(t)
  const provider = new Provider(settingsFor(says, { caFile: null }), clock)
  await assert.rejects(provider.deviceCode(), fails('unreachable', /TLS certificate is not accepted/))
})
