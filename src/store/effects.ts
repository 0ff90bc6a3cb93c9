// What a change leaves to be done once it is committed. Types only.

/** What the change asks of the writer once it is committed. */
export interface Effects {
  /** Sealed material was removed: it must leave the WAL too. */
  materialRemoved: boolean
  /** Audit entries wait to be deleted. */
  pruned: boolean
  /** Trust has a higher version. */
  trustRaised: boolean
  /** A checkpoint was among it. */
  checkpointed: boolean
}
