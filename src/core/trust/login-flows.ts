// A login that has begun and not ended. Its text stays with the program that began it (a browser tab, a command line) and is
// never in a URL. A MAC derives state, nonce and PKCE verifier from it. So no node stores anything, and each node can end a login
// that another one began. An attacker who sends a victim the URL of the attacker's own login cannot log the victim in with it.

import { randomBytes } from 'node:crypto'
import { loginMs } from '../../base/bounds.ts'
import type { Clock } from '../ports/clock.ts'
import type { Macs } from './rows.ts'

export interface LoginFlow {
  readonly through: 'console' | 'cli'
  /** The URL to which the browser returns. Null: the login uses a device code. */
  readonly redirectUri: string | null
  readonly deviceCode: string | null
}

const purpose = 'login flow 1'

export class LoginFlows {
  readonly #macs: Macs
  readonly #clock: Pick<Clock, 'now'>

  constructor({ macs, clock }: { readonly macs: Macs; readonly clock: Pick<Clock, 'now'> }) {
    this.#macs = macs
    this.#clock = clock
  }

  begin({ through, redirectUri, deviceCode }: LoginFlow): string {
    const random = randomBytes(32).toString('base64url')
    const fields = JSON.stringify([random, this.#clock.now(), through, redirectUri, deviceCode])
    const mac = this.#macs.mac([purpose, fields])
    return `${Buffer.from(fields).toString('base64url')}.${mac.toString('base64url')}`
  }

  /** Undefined if this server did not make the text, or if it is too old. */
  read(text: string): LoginFlow | undefined {
    const [body = '', mac = ''] = text.split('.')
    const fields = Buffer.from(body, 'base64url').toString('utf8')
    if (!this.#macs.macMatches([purpose, fields], Buffer.from(mac, 'base64url'))) return undefined
    const [, startedMs, through, redirectUri, deviceCode] = JSON.parse(fields) as FlowFields
    const ageMs = this.#clock.now() - startedMs
    return ageMs < loginMs ? { through, redirectUri, deviceCode } : undefined
  }

  /** The secrets of a login by code. None of them reveals the others or the text. */
  secretsOf(text: string): { readonly state: string; readonly nonce: string; readonly verifier: string } {
    const secret = (name: string) => this.#macs.mac([purpose, name, text]).toString('base64url')
    return { state: secret('state'), nonce: secret('nonce'), verifier: secret('verifier') }
  }
}

type FlowFields = [string, number, LoginFlow['through'], string | null, string | null]
