// Alerts people: looks at the conditions regularly, and has each change delivered to whoever the file of targets names.

import { limits } from '../limits.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Severity } from '../admin/conditions/line.ts'
import type { Alert, Condition, Sight } from './alert.ts'
import { look, type Watched } from './changes.ts'
import { Delivery, type Undelivered } from './delivery.ts'
import { NotSent } from './send.ts'
import type { AlertTarget } from './targets.ts'

export interface AlertsOptions {
  readonly clock: Clock
  readonly conditions: () => Promise<Sight>
  /** The least severity that is told. */
  readonly least: () => Severity
  /** Throws an Error for people. */
  readonly targets: () => Promise<readonly AlertTarget[]>
  readonly send: (alert: Alert, target: AlertTarget) => Promise<void>
  /** Called with what went wrong: a look, or the file of targets. */
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
  #watched: Watched = new Map()
  #timer: Timer | undefined
  #looking: Promise<void> | undefined

  constructor(options: AlertsOptions) {
    this.#options = options
    this.#delivery = new Delivery(options)
  }

  start(): void {
    this.#timer = this.#options.clock.every(limits.alertLookMs, () => void this.look())
    void this.look()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#delivery.stop()
    await this.#looking
  }

  get undelivered(): readonly Undelivered[] {
    return this.#delivery.undelivered
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
    if (to.length === 0) return
    const { watched, alerts } = look(this.#watched, await conditions(), least())
    this.#watched = watched
    for (const alert of alerts) this.#delivery.add({ ...alert, atMs: clock.now() }, to)
  }

  /** Sends a test to each target at once, and says how that went. Throws an Error for people if the file cannot be read. */
  async test(): Promise<readonly Tried[]> {
    const { send, targets, clock } = this.#options
    const alert: Alert = { ...testCondition, key: 'test', event: 'test', atMs: clock.now() }
    return Promise.all(
      (await targets()).map(async (target) => {
        try {
          await send(alert, target)
          return { target: target.name, problem: null }
        } catch (error) {
          if (!(error instanceof NotSent)) throw error
          return { target: target.name, problem: error.message }
        }
      }),
    )
  }
}

const testCondition: Condition = {
  id: 'test',
  severity: 'notice',
  instanceId: null,
  about: '',
  message: 'somebody tries whether alerts arrive',
  action: 'There is nothing to do.',
}
