// The facts that only the machine of a server knows. host/machine.ts looks at them.

import type { Certificate } from '../pki/certificate.ts'

/** A root key file as it lies on the disk now. */
export interface RootKeyFileFacts {
  readonly uri: string
  readonly path: string
  /** Why it gives no root key, in words for people; null: it gives one. */
  readonly problem: string | null
  /** null where there is a problem. */
  readonly id: string | null
  /** The permission bits, such as 0o600; null where the file cannot be looked at. */
  readonly mode: number | null
  /** Its passphrase must be kept apart together with it. */
  readonly hasPassphrase: boolean
}

/** The facts that only the machine knows. */
export interface Machine {
  rootKeyFiles(uris: readonly string[]): Promise<readonly RootKeyFileFacts[]>
  freeBytes(): Promise<number>
  /** The certificate that the admin API shows. */
  adminCertificate(): Certificate
  auditKeepDays(): number | null
}
