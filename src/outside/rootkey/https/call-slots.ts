// Limits how many calls of one service run at once, and reports how many run and wait and how old the oldest is. There are two lanes:
// `reads` are the calls that a client's Get waits for, `others` all other calls. Each lane has slots that the other cannot take, so that
// neither starves. In each lane calls run in order of arrival, but calls that finish earlier work go first: so the first clients get
// their answers early, instead of all clients at the end.

import PQueue from 'p-queue'
import { rootKeyCallsMax } from '../../../base/bounds.ts'

/** The slots that each lane keeps for itself. */
const rootKeyReadSlots = 4
const rootKeyOtherSlots = 2

export type CallLane = 'reads' | 'others'

export interface CallKind {
  /** A client's Get waits for it: such calls have slots of their own. */
  readonly serves?: boolean
  /** The call finishes what an earlier call began (get, then unwrap; wrap, then create), and runs before calls that begin something. */
  readonly follows?: boolean
}

export function callLane({ serves = false }: CallKind): CallLane {
  return serves ? 'reads' : 'others'
}

/** The calls of one lane. */
export interface LaneLoad {
  readonly lane: CallLane
  readonly running: number
  readonly waiting: number
  /** How long the oldest of these calls has been under way, waiting included. 0: there are no calls. */
  readonly oldestMs: number
}

interface Slots {
  readonly callsMax: number
  /** The other lane leaves at least this number of slots free. */
  readonly reserved: Readonly<Record<CallLane, number>>
}

const usualSlots: Slots = {
  callsMax: rootKeyCallsMax,
  reserved: { reads: rootKeyReadSlots, others: rootKeyOtherSlots },
}

interface UnderWay {
  readonly lane: CallLane
  readonly sinceMs: number
  running: boolean
}

export class CallSlots {
  readonly #all: PQueue
  readonly #lanes: Readonly<Record<CallLane, PQueue>>
  readonly #underWay = new Set<UnderWay>()
  readonly #monotonic: () => number

  constructor(monotonic: () => number, { callsMax, reserved }: Slots = usualSlots) {
    this.#monotonic = monotonic
    this.#all = new PQueue({ concurrency: callsMax })
    this.#lanes = {
      reads: new PQueue({ concurrency: callsMax - reserved.others }),
      others: new PQueue({ concurrency: callsMax - reserved.reads }),
    }
  }

  async run<T>(work: () => Promise<T>, { follows = false, ...kind }: CallKind = {}): Promise<T> {
    const lane = callLane(kind)
    const call: UnderWay = { lane, sinceMs: this.#monotonic(), running: false }
    const priority = follows ? 1 : 0
    const start = () => {
      call.running = true
      return work()
    }
    this.#underWay.add(call)
    try {
      return await this.#lanes[lane].add(() => this.#all.add(start, { priority }), { priority })
    } finally {
      this.#underWay.delete(call)
    }
  }

  get load(): readonly LaneLoad[] {
    const now = this.#monotonic()
    return (['reads', 'others'] as const).map((lane) => {
      const calls = [...this.#underWay].filter((call) => call.lane === lane)
      const running = calls.filter((call) => call.running).length
      const oldestMs = calls.reduce((oldest, { sinceMs }) => Math.max(oldest, now - sinceMs), 0)
      return { lane, running, waiting: calls.length - running, oldestMs }
    })
  }
}
