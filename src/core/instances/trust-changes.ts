// All changes of trust, gathered in one value.

import { ClientChanges } from '../trust/client-changes.ts'
import type { AuthorityRules } from '../trust/client-rules.ts'
import { InstanceChanges } from './instance-changes.ts'
import { ClosingChanges } from './closing-changes.ts'
import { InstanceRestores } from './restore-commit.ts'
import { InstanceWorkChanges } from './changes.ts'
import { LeftStandardKeys, type LeftOptions } from './left-standard-keys.ts'
import { UpstreamChanges } from './upstream-changes.ts'
import { PersonSessionChanges } from '../trust/person-sessions.ts'
import { ApprovalChanges } from '../trust/approval-changes.ts'
import { TokenChanges } from '../trust/token-changes.ts'
import { TrustWriter, type TrustWriterOptions } from '../trust/writer.ts'

export interface TrustChanges {
  readonly clients: ClientChanges
  readonly instances: InstanceChanges
  readonly tokens: TokenChanges
  /** The sessions of people whom the identity provider named. */
  readonly personSessions: PersonSessionChanges
  /** Requests that wait for a second person's approval. */
  readonly approvals: ApprovalChanges
  /** Begins and ends long work on instances. */
  readonly work: InstanceWorkChanges
  /** Brings instances back from the standard keys beside their root key, or from a backup. */
  readonly restores: InstanceRestores
  /** Standard keys that the server must still delete at services of root keys. */
  readonly leftStandardKeys: LeftStandardKeys
  /** The old servers that instances ask during a change-over. */
  readonly upstreams: UpstreamChanges
  /** Closes instances, and opens them again. */
  readonly closings: ClosingChanges
}

export function createTrustChanges(options: TrustWriterOptions & AuthorityRules & LeftOptions): TrustChanges {
  const writer = new TrustWriter(options)
  return {
    clients: new ClientChanges(writer, options),
    instances: new InstanceChanges(writer, options),
    tokens: new TokenChanges(writer),
    personSessions: new PersonSessionChanges(writer),
    approvals: new ApprovalChanges(writer, options),
    work: new InstanceWorkChanges(writer, options),
    restores: new InstanceRestores(writer, options),
    leftStandardKeys: new LeftStandardKeys(writer, options),
    upstreams: new UpstreamChanges(writer),
    closings: new ClosingChanges(writer),
  }
}
