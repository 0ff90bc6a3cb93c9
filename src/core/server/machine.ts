// The facts about a server that only its machine has. host/machine.ts gathers them.

import type { Certificate } from '../pki/certificate.ts'

/** A root key file as it is on the disk now. */
export interface RootKeyFileFacts {
  readonly uri: string
  readonly path: string
  /** Why it gives no root key, in words for people; null: it gives one. */
  readonly problem: string | null
  /** null where there is a problem. */
  readonly id: string | null
  /** The permission bits, such as 0o600; null if the file cannot be read. */
  readonly mode: number | null
  /** Its passphrase must be kept apart together with it. */
  readonly hasPassphrase: boolean
}

/** The facts that only the machine has. */
export interface Machine {
  rootKeyFiles(uris: readonly string[]): Promise<readonly RootKeyFileFacts[]>
  freeBytes(): Promise<number>
  /** The certificate that the admin API shows. */
  adminCertificate(): Certificate
  auditKeepDays(): number | null
}
