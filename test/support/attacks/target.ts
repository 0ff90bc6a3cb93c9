// What an attack is: a program that works against a running server until it is told to stop. Tests run one beside a
// client whose answers they time.

export interface Target {
  readonly kmip: Listening
  readonly admin: Listening
  /** A client that the server trusts, of another instance than the one whose answers are timed; PEM. */
  readonly neighbour: { readonly cert: string; readonly key: string }
}

export interface Listening {
  readonly host: string
  readonly port: number
}

/** Resolves once `signal` is aborted and everything that it opened is closed. Never rejects for what the server does. */
export type Attack = (target: Target, signal: AbortSignal) => Promise<void>
