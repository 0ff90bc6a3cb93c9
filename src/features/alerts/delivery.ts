// Brings alerts to their targets: in order for each, again after a failure that may pass, and not for ever. What could not be
// delivered is listed for people.

import { alertsUndeliveredKept } from './bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Alert } from './alert.ts'
import { NotSent } from '../../outside/webhooks/post.ts'
import type { AlertTarget } from './targets.ts'

/** The pause before the next attempt; twice as long each time. */
export const alertRetryMs = 5_000
export const alertRetryMsMax = 10 * 60_000
/** An alert that its target has not taken for this long is given up. */
export const alertGiveUpMs = 24 * 3600_000
/** Alerts that wait for one target; the oldest ones give way. */
export const alertsWaitingMax = 1_000

export interface DeliveryOptions {
  readonly clock: Clock
  /** Throws NotSent. */
  readonly send: (alert: Alert, target: AlertTarget) => Promise<void>
  readonly onUndelivered: (undelivered: Undelivered) => void
}

export interface Undelivered {
  readonly target: string
  readonly alert: Alert
  readonly why: string
  readonly atMs: number
}

interface Line {
  /** `sinceMs`: monotonic, since the clock may be set while an alert waits. */
  readonly alerts: { readonly alert: Alert; readonly sinceMs: number }[]
  running: boolean
}

export class Delivery {
  readonly #options: DeliveryOptions
  readonly #lines = new Map<string, Line>()
  readonly #undelivered: Undelivered[] = []
  /** By place. */
  readonly #silent = new Map<string, Undelivered>()
  readonly #stopping = new AbortController()

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** The last ones, the newest first. */
  get undelivered(): readonly Undelivered[] {
    return this.#undelivered.toReversed()
  }

  /** The last alert of each target that did not take it, has taken none since, and is still one. */
  get silent(): readonly Undelivered[] {
    return [...this.#silent.values()]
  }

  /** The target took something. */
  took(target: AlertTarget): void {
    this.#silent.delete(placeOf(target))
  }

  /** Alerts that wait, those that are being sent included. */
  get waiting(): number {
    return [...this.#lines.values()].reduce((sum, { alerts }) => sum + alerts.length, 0)
  }

  /** Conditions of whose end a target has not been alerted yet. */
  get ending(): readonly Alert[] {
    const alerts = [...this.#lines.values()].flatMap((line) => line.alerts.map(({ alert }) => alert))
    return alerts.filter(({ event }) => event === 'ended')
  }

  add(alert: Alert, targets: readonly AlertTarget[]): void {
    for (const target of targets) {
      const place = placeOf(target)
      const line = this.#lines.get(place) ?? { alerts: [], running: false }
      this.#lines.set(place, line)
      line.alerts.push({ alert, sinceMs: this.#options.clock.monotonic() })
      if (line.alerts.length > alertsWaitingMax)
        this.#giveUp(target, line, 'too many alerts wait for it', placeOfSurplus(line))
      if (!line.running) void this.#run(target, line)
    }
  }

  /** Drops what waits for targets that the file no longer names, and what was remembered of them. */
  keep(targets: readonly AlertTarget[]): void {
    const places = new Set(targets.map(placeOf))
    for (const [place, { alerts }] of this.#lines) if (!places.has(place)) alerts.length = 0
    for (const place of this.#silent.keys()) if (!places.has(place)) this.#silent.delete(place)
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** Never rejects. */
  async #run(target: AlertTarget, line: Line): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stopping
    line.running = true
    let pauseMs: number = alertRetryMs
    while (line.alerts.length > 0 && !signal.aborted) {
      const [first] = line.alerts
      const failure = first && (await this.#try(first.alert, target))
      // The target was taken out meanwhile.
      if (line.alerts[0] !== first) continue
      const isOld = first && clock.monotonic() - first.sinceMs > alertGiveUpMs
      if (!failure) {
        line.alerts.shift()
        this.took(target)
      } else if (!failure.again || isOld) this.#giveUp(target, line, failure.message, 0)
      else {
        await clock.sleep(pauseMs, signal)
        pauseMs = Math.min(2 * pauseMs, alertRetryMsMax)
        continue
      }
      pauseMs = alertRetryMs
    }
    line.running = false
  }

  async #try(alert: Alert, target: AlertTarget): Promise<NotSent | undefined> {
    try {
      await this.#options.send(alert, target)
      return undefined
    } catch (error) {
      return error instanceof NotSent ? error : new NotSent(String(error), false, { cause: error })
    }
  }

  /** `place`: of the alert in the line. The first one may be on its way. */
  #giveUp(target: AlertTarget, line: Line, why: string, place: number): void {
    const [waiting] = line.alerts.splice(place, 1)
    if (!waiting) return
    const { alert } = waiting
    const undelivered = { target: target.name, alert, why, atMs: this.#options.clock.now() }
    this.#silent.set(placeOf(target), undelivered)
    this.#undelivered.push(undelivered)
    this.#undelivered.splice(0, this.#undelivered.length - alertsUndeliveredKept)
    this.#options.onUndelivered(undelivered)
  }
}

/** The oldest behind the first, of the instance that has most: so alerts of another instance, or of the server, go on. */
function placeOfSurplus({ alerts }: Line): number {
  const [, ...others] = alerts
  const counts = new Map<string | null, number>()
  for (const { alert } of others) counts.set(alert.instanceId, (counts.get(alert.instanceId) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return 1 + others.findIndex(({ alert }) => counts.get(alert.instanceId) === most)
}

function placeOf({ kind, address }: AlertTarget): string {
  return `${kind} ${address}`
}
