// The doors of one process share this: the turns at the thread that serves TLS, what the strangers among those who arrive may use of
// it, and the memory for what waits on connections.

import { listenerLimits, type ListenerLimits } from '../kmip/listener-limits.ts'
import { Arrivals, type StrangerRank } from './arrivals.ts'
import { Budget } from './budget.ts'
import { TimeShare } from './credit.ts'
import { AdmissionTurns, type Work } from './turns.ts'

interface AdmissionOptions {
  readonly limits?: Partial<ListenerLimits>
  /** Monotonic milliseconds. */
  readonly now: () => number
}

export class Admission {
  readonly turns: AdmissionTurns
  readonly arrivals: Arrivals<Work>
  /** The shares of the thread's time for handshakes of strangers. */
  readonly credit: Readonly<Record<StrangerRank, TimeShare>>
  readonly budget: Budget

  constructor(options: AdmissionOptions) {
    const { now } = options
    const limits = { ...listenerLimits, ...options.limits }
    const debtMaxMs = limits.timeDebtMaxMs
    const share = (percent: number, savedMaxMs: number) =>
      new TimeShare({ percent, savedMaxMs, debtMaxMs }, now)
    this.credit = {
      new: share(limits.newTimePercent, limits.newTimeSavedMaxMs),
      costly: share(limits.costlyTimePercent, limits.costlyTimeSavedMaxMs),
    }
    this.arrivals = new Arrivals({
      activeMax: {
        known: limits.handshakesMax,
        new: limits.newHandshakesMax,
        costly: limits.costlyHandshakesMax,
      },
      activePerSubnetMax: {
        known: limits.knownHandshakesPerAddressMax,
        new: limits.handshakesPerAddressMax,
        costly: limits.handshakesPerAddressMax,
      },
      credit: this.credit,
      acceptsPerTurnMax: limits.acceptsPerHandshakeMax,
    })
    this.turns = new AdmissionTurns({ arrivals: this.arrivals, now })
    this.budget = new Budget(limits.bufferedBytesMax)
  }
}
