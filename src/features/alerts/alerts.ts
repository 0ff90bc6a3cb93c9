// Alerts people: looks at the conditions regularly, and has each change delivered to the targets that the file names.

import type { Clock, Timer } from '../../core/ports/clock.ts'
import type { Severity } from '../../core/conditions/line.ts'
import { conditionKey, type Alert, type AlertSubject, type Sight } from './alert.ts'
import { look, toldBefore, toldNow, type Watched } from './changes.ts'
import { Delivery, type Undelivered } from './delivery.ts'
import { NotSent } from '../../outside/webhooks/post.ts'
import type { AlertTarget } from './targets.ts'

/** The interval of the looks at conditions. People are alerted of a condition that two looks in a row found. */
export const alertLookMs = 30_000

export interface AlertsOptions {
  readonly clock: Clock
  readonly conditions: () => Promise<Sight>
  /** The least severity that people are alerted of. */
  readonly least: () => Severity
  /** Throws an Error for people. */
  readonly targets: () => Promise<readonly AlertTarget[]>
  readonly send: (alert: Alert, target: AlertTarget) => Promise<void>
  /** Remembers beyond this process which conditions people were alerted of. */
  readonly told: {
    readonly read: () => Promise<readonly AlertSubject[]>
    readonly write: (conditions: readonly AlertSubject[]) => Promise<void>
  }
  /** Called with what went wrong: a look, the file of targets, or what is remembered. */
  readonly failed: (error: unknown) => void
  readonly onUndelivered: (undelivered: Undelivered) => void
}

/** How a test went for one target. */
export interface Tried {
  readonly target: string
  /** null: it took the alert. */
  readonly problem: string | null
}

export class Alerts {
  readonly #options: AlertsOptions
  readonly #delivery: Delivery
  #watched: Watched | undefined
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #remembering: Promise<void> | undefined
  /** The keys and severities that were written last, or whose writing failed. */
  #remembered = ''

  constructor(options: AlertsOptions) {
    this.#options = options
    this.#delivery = new Delivery(options)
  }

  start(): void {
    this.#timer = this.#options.clock.every(alertLookMs, () => void this.look())
    void this.look()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#delivery.stop()
    await this.#looking
    await this.#remembering
  }

  get undelivered(): readonly Undelivered[] {
    return this.#delivery.undelivered
  }

  get silent(): readonly Undelivered[] {
    return this.#delivery.silent
  }

  get waiting(): number {
    return this.#delivery.waiting
  }

  targets(): Promise<readonly AlertTarget[]> {
    return this.#options.targets()
  }

  /** One look at a time. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch(this.#options.failed)
      .finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #look(): Promise<void> {
    const { conditions, least, targets, clock } = this.#options
    const to = await targets()
    this.#delivery.keep(to)
    if (to.length === 0) return
    this.#watched ??= await this.#before()
    const { watched, alerts } = look(this.#watched, await conditions(), least())
    this.#watched = watched
    for (const alert of alerts) this.#delivery.add({ ...alert, atMs: clock.now() }, to)
    this.#remember(watched)
  }

  async #before(): Promise<Watched> {
    const { told, failed } = this.#options
    try {
      return toldBefore(await told.read())
    } catch (error) {
      failed(error)
      return new Map()
    }
  }

  /** Beside the looks: a disk that does not answer holds no alert up. */
  #remember(watched: Watched): void {
    const { told, failed } = this.#options
    const conditions = [...toldNow(watched), ...this.#delivery.ending]
    const now = JSON.stringify(conditions.map((one) => [conditionKey(one), one.severity]))
    if (this.#remembering || now === this.#remembered) return
    this.#remembered = now
    this.#remembering = told
      .write(conditions)
      .catch(failed)
      .finally(() => (this.#remembering = undefined))
  }

  /** Sends a test to each target at once, and says how that went. Throws an Error for people if the file cannot be read. */
  async test(): Promise<readonly Tried[]> {
    const { send, targets, clock } = this.#options
    const alert: Alert = { ...testCondition, key: 'test', event: 'test', atMs: clock.now() }
    return Promise.all(
      (await targets()).map(async (target) => {
        try {
          await send(alert, target)
          this.#delivery.took(target)
          return { target: target.name, problem: null }
        } catch (error) {
          if (!(error instanceof NotSent)) throw error
          return { target: target.name, problem: error.message }
        }
      }),
    )
  }
}

const testCondition: AlertSubject = {
  id: 'test',
  severity: 'notice',
  instanceId: null,
  about: '',
  message: 'an administrator tests whether alerts arrive',
  action: 'There is nothing to do.',
}
