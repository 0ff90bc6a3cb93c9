// The parts of the server that the routes about vCenters need.

import type { Audit } from '../../core/audit/audit.ts'
import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { Certificate } from '../../core/pki/certificate.ts'
import type { SigningIdentity } from '../../core/pki/issue.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Log } from '../../core/ports/log.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import type { NodeLeases } from '../../core/server/leases.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Pending } from '../../core/trust/pending.ts'
import type { Plugs } from '../../doors/http/plugs.ts'
import type { VcenterFollowers } from './following.ts'
import type { VcenterJobs } from './jobs.ts'
import type { VcenterLogins } from './logins.ts'
import type { Readings } from './readings.ts'
import type { Campaigns } from './rekey/campaigns.ts'
import type { RekeyRunner } from './rekey/rekey-runner.ts'
import type { OwnParts } from './runs-here.ts'
import type { Vcenters } from './vcenters.ts'

export interface Needs {
  /** `certificate`: the one that the KMIP listener of this node presents now. */
  readonly about: OwnParts['about'] & { readonly certificate: () => Certificate }
  readonly access: Pick<Access, 'identify' | 'snapshot'>
  readonly audit: Pick<Audit, 'enter'>
  /** The CA that signs certificates for clients. */
  readonly authority: SigningIdentity
  readonly clock: Clock
  readonly keys: Pick<Keys, 'list' | 'show'>
  readonly leases: Pick<NodeLeases, 'during' | 'elsewhere' | 'hold' | 'nodes'>
  readonly log: Pick<Log, 'error'>
  readonly pending: Pick<Pending, 'remove'>
  readonly plugs: Pick<
    Plugs,
    'clientsSeen' | 'copyKeys' | 'importInventory' | 'keyUses' | 'removeUpstream' | 'takeOver'
  >
  readonly secrets: Pick<Secrets, 'fresh' | 'freshUnder' | 'change' | 'put' | 'remove' | 'mac' | 'macMatches'>
  readonly trust: Pick<TrustChanges, 'clients'>
}

/** The service that the handlers work with. */
export interface VcenterService extends Omit<Needs, 'secrets' | 'log'>, VcenterJobs {
  readonly vcenters: Vcenters
  readonly logins: VcenterLogins
  readonly readings: Readings
  readonly campaigns: Campaigns
  /** The logins of campaigns, each stored until its end. */
  readonly campaignLogins: VcenterLogins
  readonly runner: RekeyRunner
  readonly following: VcenterFollowers
  /** Called with bugs and outages of this server. */
  readonly failed: (error: unknown) => void
}
