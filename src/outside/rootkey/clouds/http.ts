// Sends requests to one host of a service of root keys. Keeps the connections to it, the CA that vouches for it and its name for
// messages. Repeats no request.

import type { Agent } from 'node:http'
import type { Clock } from '../../../core/ports/clock.ts'
import {
  exchange,
  NoAnswer,
  plainAgent,
  serviceAgent,
  type HttpAnswer,
  type Question,
} from '../https/exchange.ts'
import { unanswered } from './error.ts'

export interface CloudHttpOptions {
  /** The name of the service as it reads in a sentence: `Vault at vault.example:8200`. */
  readonly title: string
  /** PEM; only these CAs are trusted. undefined: those of Node.js. */
  readonly ca: string | undefined
  readonly caVariable: string
  /** Connect without TLS, as to a metadata service. */
  readonly plain?: boolean
  readonly clock: Pick<Clock, 'after'>
}

export class CloudHttp {
  readonly title: string
  readonly #options: CloudHttpOptions
  readonly #agent: Agent

  constructor(options: CloudHttpOptions) {
    this.title = options.title
    this.#options = options
    this.#agent = options.plain === true ? plainAgent() : serviceAgent(options.ca)
  }

  /** Throws CloudError where no whole answer comes. */
  async ask(
    question: Pick<Question, 'method' | 'url' | 'headers' | 'body' | 'timeoutMs'>,
  ): Promise<HttpAnswer> {
    const { clock, caVariable } = this.#options
    try {
      return await exchange({ ...question, agent: this.#agent, clock, caVariable })
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      throw unanswered(this.title, error.message, error)
    }
  }

  /** Ends requests under way and closes all connections. */
  close(): void {
    this.#agent.destroy()
  }
}
