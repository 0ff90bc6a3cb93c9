// The identity provider of an organization, spoken to with OpenID Connect: discovery, Authorization Code with PKCE, the device
// code, and the checks of an ID token (by `openid-client`). It knows no sessions, and only logins use it: while the provider
// is down, only logins through it fail.

import { readFile } from 'node:fs/promises'
import * as client from 'openid-client'
import type { Clock } from '../../../core/ports/clock.ts'
import { hasGroups, hasTooManyGroups, personOf, type ClaimedPerson } from './claims.ts'
import { LoginError } from './error.ts'
import { ask } from './fetch.ts'
import { loginError } from './failures.ts'

/** Logins that ask the identity provider at the same time, and how long each may take. */
export const oidcLoginsMax = 16
export const oidcTimeoutMs = 15_000
/** How long what the provider says of itself is kept. */
const oidcMetadataMs = 10 * 60_000

export interface ProviderSettings {
  readonly issuer: string
  readonly clientId: string
  /** null: a public client. Read for each login. */
  readonly clientSecretFile: string | null
  /** The client of the command line, without a secret; '': the same client. */
  readonly cliClientId: string
  readonly scopes: readonly string[]
  readonly caFile: string | null
  readonly groupsClaim: string
}

/** The console logs a person in, or the command line does, which may be another client at the provider. */
export type Through = 'console' | 'cli'

/** Only the two ends of a login by code know these. */
export interface CodeSecrets {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

export interface DeviceCode {
  readonly deviceCode: string
  readonly userCode: string
  readonly verificationUri: string
  readonly verificationUriComplete: string | null
  readonly expiresSeconds: number
  readonly intervalSeconds: number
}

/** The algorithms that may sign an ID token. None of them takes a secret, and `none` is not among them. */
const signatures = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

export class Provider {
  readonly #settings: ProviderSettings
  readonly #clock: Clock
  #metadata: { readonly value: client.ServerMetadata; readonly atMs: number } | undefined
  #keys: ReturnType<typeof client.getJwksCache>
  #running = 0

  constructor(settings: ProviderSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
  }

  /** Where the browser goes. Throws LoginError, as all that follows. */
  authorizationUrl(through: Through, redirectUri: string, secrets: CodeSecrets): Promise<string> {
    return this.#asking(through, async (configuration) => {
      const url = client.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: this.#settings.scopes.join(' '),
        code_challenge: await client.calculatePKCECodeChallenge(secrets.verifier),
        code_challenge_method: 'S256',
        state: secrets.state,
        nonce: secrets.nonce,
      })
      return url.href
    })
  }

  /** `answer`: the query with which the browser came back to `redirectUri`. */
  personByCode(
    through: Through,
    { redirectUri, answer }: { readonly redirectUri: string; readonly answer: string },
    secrets: CodeSecrets,
  ): Promise<ClaimedPerson> {
    return this.#asking(through, async (configuration) => {
      const came = new URL(redirectUri)
      came.search = answer
      const tokens = await client.authorizationCodeGrant(configuration, came, {
        expectedState: secrets.state,
        expectedNonce: secrets.nonce,
        pkceCodeVerifier: secrets.verifier,
        idTokenExpected: true,
      })
      return this.#personOf(configuration, tokens)
    })
  }

  deviceCode(): Promise<DeviceCode> {
    return this.#asking('cli', async (configuration) => {
      if (configuration.serverMetadata().device_authorization_endpoint === undefined)
        throw new LoginError(
          'refused',
          'the identity provider offers no login by device code',
          'Log in without --device: open the address in any browser, and paste the address where it ends.',
        )
      const scope = this.#settings.scopes.join(' ')
      const device = await client.initiateDeviceAuthorization(configuration, { scope })
      return {
        deviceCode: device.device_code,
        userCode: device.user_code,
        verificationUri: device.verification_uri,
        verificationUriComplete: device.verification_uri_complete ?? null,
        expiresSeconds: device.expires_in,
        intervalSeconds: device.interval ?? 5,
      }
    })
  }

  /** Asks once whether the person has agreed. LoginError `pending` or `slow-down`: not yet. */
  personByDevice(deviceCode: string): Promise<ClaimedPerson> {
    return this.#asking('cli', async (configuration) => {
      const tokens = await client.genericGrantRequest(configuration, deviceGrant, { device_code: deviceCode })
      return this.#personOf(configuration, tokens)
    })
  }

  /** Where a person ends their session at the provider too. Null: it offers none, or has not been asked for a while. */
  get logoutUrl(): string | null {
    const endpoint = this.#metadata?.value.end_session_endpoint
    if (endpoint === undefined || !URL.canParse(endpoint)) return null
    const url = new URL(endpoint)
    if (url.protocol !== 'https:') return null
    url.searchParams.set('client_id', this.#settings.clientId)
    return url.href
  }

  async #personOf(
    configuration: client.Configuration,
    tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers,
  ): Promise<ClaimedPerson> {
    const { groupsClaim, issuer } = this.#settings
    const claims = tokens.claims()
    if (!claims)
      throw new LoginError(
        'misconfigured',
        'the identity provider sent no ID token',
        'oidc.scopes must contain openid.',
      )
    if (hasTooManyGroups(claims, groupsClaim))
      throw new LoginError(
        'misconfigured',
        'the identity provider sent no groups, since this person has too many',
        'Have it send only the groups that are assigned to Mortise, or use app roles (oidc.groupsClaim = "roles").',
      )
    // Some send the groups only here. What the signed token says counts more.
    const more =
      hasGroups(claims, groupsClaim) || configuration.serverMetadata().userinfo_endpoint === undefined
        ? {}
        : await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)
    return personOf(issuer, { ...more, ...claims }, groupsClaim)
  }

  /** Bounds time and number of the requests to the provider, and puts failures into words. */
  async #asking<T>(through: Through, use: (configuration: client.Configuration) => Promise<T>): Promise<T> {
    if (this.#running >= oidcLoginsMax)
      throw new LoginError(
        'unreachable',
        'too many people log in at this moment',
        'Try again in a few seconds.',
      )
    this.#running++
    const ended = new AbortController()
    const timer = this.#clock.after(oidcTimeoutMs, () =>
      ended.abort(
        new LoginError(
          'unreachable',
          `the identity provider gave no answer within ${oidcTimeoutMs / 1000} seconds`,
        ),
      ),
    )
    try {
      const configuration = await this.#configuration(through, ended.signal)
      const done = await use(configuration)
      this.#keys = client.getJwksCache(configuration) ?? this.#keys
      return done
    } catch (error) {
      throw loginError(error, this.#settings)
    } finally {
      timer.cancel()
      this.#running--
    }
  }

  async #configuration(through: Through, signal: AbortSignal): Promise<client.Configuration> {
    const { clientId, cliClientId, clientSecretFile, caFile } = this.#settings
    const isOther = through === 'cli' && cliClientId !== ''
    const secret = isOther || clientSecretFile === null ? null : await readSecret(clientSecretFile)
    const fetching: client.CustomFetch = (url, { method, headers, body }) =>
      ask(url, { method, headers, body }, { caFile, signal })
    const server = await this.#discovered(fetching)
    const configuration = new client.Configuration(
      server,
      isOther ? cliClientId : clientId,
      // The library goes by the clock of the machine.
      { [client.clockSkew]: Math.round((this.#clock.now() - Date.now()) / 1000) },
      secret === null ? client.None() : authenticationOf(server, secret),
    )
    configuration[client.customFetch] = fetching
    configuration.timeout = oidcTimeoutMs / 1000
    client.enableNonRepudiationChecks(configuration)
    // Keys are taken from memory for five minutes. One that is not among them is asked for at once, which the library would not do in
    // the first minute: a login that finds the provider with new keys should not fail.
    if (this.#keys)
      client.setJwksCache(configuration, {
        ...this.#keys,
        uat: Math.min(this.#keys.uat, Math.floor(Date.now() / 1000) - 60),
      })
    return configuration
  }

  async #discovered(fetching: client.CustomFetch): Promise<client.ServerMetadata> {
    const now = this.#clock.monotonic()
    if (this.#metadata && now - this.#metadata.atMs < oidcMetadataMs) return this.#metadata.value
    const { issuer, clientId } = this.#settings
    const discovered = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
      [client.customFetch]: fetching,
      timeout: oidcTimeoutMs / 1000,
    })
    // JSON leaves out the library's helper functions, which are no part of the provider's metadata.
    const metadata = JSON.parse(JSON.stringify(discovered.serverMetadata())) as client.ServerMetadata
    // The library lets a provider of many organizations pass, where any organization could make a group of any name.
    if (new URL(metadata.issuer).href !== new URL(issuer).href)
      throw new LoginError(
        'misconfigured',
        `the identity provider calls itself ${metadata.issuer}, not ${issuer}`,
        'Name it in oidc.issuer exactly as it does; one of a single organization, not of all (Entra ID: with the id of your tenant).',
      )
    const offered = metadata.id_token_signing_alg_values_supported ?? ['RS256']
    const value: client.ServerMetadata = {
      ...metadata,
      id_token_signing_alg_values_supported: offered.filter((name) => signatures.includes(name)),
    }
    this.#metadata = { value, atMs: now }
    return value
  }
}

/** Most take the secret in either way, and some in one only. */
function authenticationOf(server: client.ServerMetadata, secret: string): client.ClientAuth {
  const taken = server.token_endpoint_auth_methods_supported
  return taken?.includes('client_secret_post') === true && !taken.includes('client_secret_basic')
    ? client.ClientSecretPost(secret)
    : client.ClientSecretBasic(secret)
}

async function readSecret(file: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new LoginError('misconfigured', `the secret of the client cannot be read: ${why}`, undefined, {
      cause: error,
    })
  }
  const secret = text.split('\n')[0]?.trim() ?? ''
  if (secret === '') throw new LoginError('misconfigured', `${file} holds no secret`)
  return secret
}
