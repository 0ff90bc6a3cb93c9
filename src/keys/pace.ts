// How long work goes on before it lets others go first. Everything runs on one thread; whoever does more than a little
// asks for another turn in between. Who waits behind whom is decided at the door.

export interface Pace {
  /** The turn has been used up: work that goes on should wait for another. */
  readonly spent: boolean
  /**
   * Resolves when it is this request's turn. Throws the Fault OperationCanceledByRequester once nobody waits for the
   * answer any more: what is not committed by then is not done.
   */
  turn(): Promise<void>
}

/** Of work that nobody waits behind. */
export const unhurried: Pace = { spent: false, turn: async () => {} }
