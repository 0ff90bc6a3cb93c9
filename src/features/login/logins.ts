// Logs people in through the identity provider: from the beginning of a login to the session at its end. What the provider says is
// checked in features/login/oidc/; what a person may do is in core/trust/people.ts.

import type { Actor } from '../../core/ports/audit.ts'
import type { LoginFlow, LoginFlows } from '../../core/trust/login-flows.ts'
import { idOfSubject } from '../../core/trust/person.ts'
import type { People } from '../../core/trust/people.ts'
import type { PersonSession } from '../../core/trust/rows.ts'
import type { AdminSession, Sessions } from '../../core/trust/sessions.ts'
import type { ClaimedPerson } from './oidc/claims.ts'
import type { Provider } from './oidc/provider.ts'
import { Refusal } from '../../base/refusal.ts'

/** Logins from one subnet (an IPv4 address, or an IPv6 /64) that ask the identity provider at the same time. */
export const oidcLoginsPerAddressMax = 6

export interface LoginsOptions {
  /** Null: there is none. */
  readonly provider: Pick<
    Provider,
    'authorizationUrl' | 'personByCode' | 'deviceCode' | 'personByDevice' | 'logoutUrl'
  > | null
  readonly name: string
  readonly issuer: string
  readonly flows: LoginFlows
  readonly people: People
  readonly sessions: Sessions
  /** Logins are bounded per subnet: an IPv4 address, or the /64 of an IPv6 address. */
  readonly subnetOf: (address: string) => string
  /** Called with each login that failed, and the subnet that it came from. A stranger can make any number of logins fail. */
  readonly onFailure: (error: unknown, subnet: string) => void
}

/** The asker before the login. */
interface Stranger {
  readonly address: string | null
  readonly requestId: string
}

export interface BegunPersonSession {
  readonly row: PersonSession
  readonly session: AdminSession
  readonly text: string
}

export class Logins {
  readonly #options: LoginsOptions
  /** Logins that ask the provider now, by subnet. */
  readonly #running = new Map<string, number>()

  constructor(options: LoginsOptions) {
    this.#options = options
  }

  get provider(): { readonly name: string; readonly issuer: string } | null {
    const { provider, name, issuer } = this.#options
    return provider && { name, issuer }
  }

  /** Where a person ends their session at the provider too; null: nowhere. */
  get logoutUrl(): string | null {
    return this.#options.provider?.logoutUrl ?? null
  }

  /** `host`: of the request, which the server knows as its own. Throws LoginError, as all that follows. */
  async begin(
    stranger: Stranger,
    host: string,
    redirectUri: string,
  ): Promise<{ readonly url: string; readonly flow: string }> {
    const through = throughOf(host, redirectUri)
    const { flows } = this.#options
    const flow = flows.begin({ through, redirectUri, deviceCode: null })
    const url = await this.#asking(stranger, (provider) =>
      provider.authorizationUrl(through, redirectUri, flows.secretsOf(flow)),
    )
    return { url, flow }
  }

  async finish(stranger: Stranger, { flow, answer }: { readonly flow: string; readonly answer: string }) {
    const { through, redirectUri } = this.#flow(flow)
    if (redirectUri === null) throw noFlow()
    const secrets = this.#options.flows.secretsOf(flow)
    const person = await this.#asking(stranger, (provider) =>
      provider.personByCode(through, { redirectUri, answer }, secrets),
    )
    return this.#session(stranger, through, person)
  }

  async beginDevice(stranger: Stranger) {
    const { deviceCode, ...code } = await this.#asking(stranger, (provider) => provider.deviceCode())
    return { ...code, flow: this.#options.flows.begin({ through: 'cli', redirectUri: null, deviceCode }) }
  }

  async pollDevice(stranger: Stranger, flow: string): Promise<BegunPersonSession> {
    const { through, deviceCode } = this.#flow(flow)
    if (deviceCode === null) throw noFlow()
    const person = await this.#asking(stranger, (provider) => provider.personByDevice(deviceCode))
    return this.#session(stranger, through, person)
  }

  #flow(text: string): LoginFlow {
    const flow = this.#options.flows.read(text)
    if (!flow) throw noFlow()
    return flow
  }

  async #session(
    { address, requestId }: Stranger,
    through: LoginFlow['through'],
    person: ClaimedPerson,
  ): Promise<BegunPersonSession> {
    const { people, sessions } = this.#options
    const actor: Actor = {
      kind: 'person',
      id: idOfSubject(person),
      name: person.name,
      certificateSha256: null,
      address,
    }
    return people.begin({ ...actor, requestId }, { ...person, through }, (row) => {
      const session = sessions.beginOf(row)
      return { row, session, text: sessions.textOf(session) }
    })
  }

  /** Asks the provider. The questions of one subnet are bounded, so that strangers do not keep others from logging in. */
  async #asking<T>(
    { address }: Stranger,
    ask: (provider: NonNullable<LoginsOptions['provider']>) => Promise<T>,
  ): Promise<T> {
    const { provider, subnetOf, onFailure } = this.#options
    if (!provider)
      throw new Refusal(
        'refused',
        'this server knows no identity provider: every person needs a token',
        'An administrator names one with oidc.issuer.',
      )
    const subnet = subnetOf(address ?? 'gone')
    const running = this.#running.get(subnet) ?? 0
    if (running >= oidcLoginsPerAddressMax)
      throw new Refusal('unavailable', 'too many logins from this address at the same time', 'Try again.')
    this.#running.set(subnet, running + 1)
    try {
      return await ask(provider)
    } catch (error) {
      onFailure(error, subnet)
      throw error
    } finally {
      const left = (this.#running.get(subnet) ?? 1) - 1
      if (left === 0) this.#running.delete(subnet)
      else this.#running.set(subnet, left)
    }
  }
}

function throughOf(host: string, redirectUri: string): LoginFlow['through'] {
  if (redirectUri === `https://${host}/login/callback`) return 'console'
  // RFC 8252 §7.3: a program on the machine of the browser.
  if (/^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost):\d{1,5}\/callback$/.test(redirectUri)) return 'cli'
  throw new Refusal(
    'bad-request',
    'the browser may come back to /login/callback of this server, under the name by which it was asked, or to http://127.0.0.1:PORT/callback',
    'A proxy in front of the server has to pass the Host header on.',
  )
}

function noFlow(): Refusal {
  return new Refusal('refused', 'this login was not begun here, or it took too long', 'Log in again.')
}
