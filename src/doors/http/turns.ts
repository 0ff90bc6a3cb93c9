// The turns of one request to the admin API, from the queue that all doors share. Until its asker is known it is a stranger's,
// and one of many of its subnet; from then on it takes its turns among the administrators.

import type { AdmissionTurns as ManyTurns, RequestParty } from '../admission/turns.ts'
import type { Turns } from '../../base/parts.ts'

/** A turn of a request. After this long, its work lets KMIP clients and other requests go first. */
const adminTurnMs = 1
/** A turn is not abandoned: the request checks between turns whether its client is still there. */
const neverAbandoned = new AbortController().signal

export class RequestTurns implements Turns {
  readonly #turns: Pick<ManyTurns, 'wait' | 'now'>
  #party: RequestParty
  /** When the turn is used up; -Infinity: there was none yet. */
  #endMs = -Infinity

  constructor(turns: Pick<ManyTurns, 'wait' | 'now'>, party: RequestParty) {
    this.#turns = turns
    this.#party = party
  }

  get spent(): boolean {
    return this.#turns.now() >= this.#endMs
  }

  async turn(): Promise<void> {
    await this.#turns.wait(this.#party, neverAbandoned)
    this.#endMs = this.#turns.now() + adminTurnMs
  }

  /** The next turns are those of this asker: the id of a token or a person; null: of a stranger still. */
  isOf(asker: string | null): void {
    if (asker !== null) this.#party = { group: 'admin', member: asker }
  }
}
