// What an attack is: a program that works against a running server until it is told to stop. Tests run one beside a
// client whose answers they time.

export interface Target {
  readonly kmip: Listening
  /** Left out: it takes no KMIP over HTTPS. */
  readonly kmipHttps?: Listening | undefined
  readonly admin: Listening
  /** Clients that the server trusts, all of one instance, which is not that of the client whose answers are timed; PEM. */
  readonly neighbours: readonly ClientTls[]
  /** The token of a viewer of all instances. */
  readonly viewerToken?: string | undefined
}

export interface ClientTls {
  readonly cert: string
  readonly key: string
}

export interface Listening {
  readonly host: string
  readonly port: number
}

/** Resolves once `signal` is aborted and everything that it opened is closed. Never rejects for what the server does. */
export type Attack = (target: Target, signal: AbortSignal) => Promise<void>
