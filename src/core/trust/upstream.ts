// The upstream of an instance, as its row has it: the old KMIP server that is asked for an identifier that is unknown here,
// for the time of a change-over. The row's MAC covers it, since wrong bytes from another server would stay. Its private key
// is a secret of the server (core/instances/upstream-keys.ts). Pure.

export interface Upstream {
  /** Names the secret with the private key. Each setting has an id of its own. */
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
  /** It is not asked until a manager turns it on. Left out: it is asked. */
  readonly off?: { readonly why: 'restored'; readonly atMs: number }
}

/** The instance after a restore: what the old server has may be older or newer than what was restored. */
export function withUpstreamOff<I extends { readonly upstream?: Upstream }>(instance: I, atMs: number): I {
  const { upstream } = instance
  if (!upstream) return instance
  return { ...instance, upstream: { ...upstream, off: upstream.off ?? { why: 'restored', atMs } } }
}

export function withUpstreamOn(upstream: Upstream): Upstream {
  const { off: _off, ...on } = upstream
  return on
}
