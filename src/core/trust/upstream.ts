// The upstream of an instance: the old KMIP server that is asked for unknown identifiers during a change-over. The row's MAC
// covers it, since wrong bytes from another server would stay. Its private key is a secret of the server
// (core/instances/upstream-keys.ts). Pure.

export interface Upstream {
  /** Names the secret with the private key. Each setting has its own id. */
  readonly id: string
  /** HOST:PORT. All of them serve the same keys. */
  readonly servers: readonly string[]
  /** PEM: the client certificate that the old server trusts. */
  readonly certificate: string
  /** How to recognize the old server. */
  readonly trust:
    | { readonly by: 'authority'; readonly pem: string }
    | { readonly by: 'fingerprint'; readonly sha256: string }
  readonly sinceMs: number
  /** Set while the server does not ask it, until a manager turns it on. Absent: the server asks it. */
  readonly off?: { readonly why: 'restored'; readonly atMs: number }
}

/** Turns the upstream off after a restore, since the old server's keys may be older or newer than the restored ones. */
export function withUpstreamOff<I extends { readonly upstream?: Upstream }>(instance: I, atMs: number): I {
  const { upstream } = instance
  if (!upstream) return instance
  return { ...instance, upstream: { ...upstream, off: upstream.off ?? { why: 'restored', atMs } } }
}

export function withUpstreamOn(upstream: Upstream): Upstream {
  const { off: _off, ...on } = upstream
  return on
}
