// The parts of the server that the routes about the server's certificates need.

import type { ServerCertificateChanges } from '../../core/identity/server-certificate-changes.ts'
import type { SigningIdentity } from '../../core/pki/issue.ts'

export interface Needs {
  /** The CA that signs certificates for `client issue` and `client sign`. */
  readonly authority: SigningIdentity
  readonly serverCertificates: ServerCertificateChanges
}
