// How a listener shows itself to its peers: its certificate, and the keys of the tickets by which they resume sessions.

export interface TlsIdentity {
  readonly serverCertificate: ServerCertificate
  /** 48 bytes, the same on every socket and node that should resume sessions of the others. */
  readonly ticketKeys: Buffer
}

/** PEM. `certificate` may hold a chain, the server's own certificate first. */
export interface ServerCertificate {
  readonly certificate: string
  readonly key: string | Buffer
}
