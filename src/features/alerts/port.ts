// The admin API asks this of the alerts (features/alerts/).

export interface AlertAdministration {
  /** Throws an Error for people if the file of targets cannot be read. */
  readonly targets: () => Promise<readonly { readonly kind: string; readonly name: string }[]>
  /** Alerts that wait to be delivered. */
  readonly waiting: number
  /** Alerts that the server could not deliver, the newest first. */
  readonly undelivered: readonly {
    readonly target: string
    readonly why: string
    readonly atMs: number
    readonly alert: {
      readonly id: string
      readonly event: string
      readonly message: string
      readonly atMs: number
    }
  }[]
  /** The last one of each target that did not take it, and has taken none since. */
  readonly silent: readonly { readonly target: string; readonly why: string; readonly atMs: number }[]
  /** Sends a test to each target. `problem`: null if it was taken. */
  readonly test: () => Promise<readonly { readonly target: string; readonly problem: string | null }[]>
}
