// Runs the campaigns that were begun: on one node, one at a time for each vCenter, while their windows are open. A campaign that meets
// trouble that passes is taken up again after a pause; one that needs a person is paused, with the reason. Another node goes on with it
// when this one stops. Not here: the work on machines (campaign-run.ts).

import { serverActor } from '../../../core/audit/actor.ts'
import type { Audit } from '../../../core/audit/audit.ts'
import type { Keys } from '../../../core/keys/keys.ts'
import type { AuditEntry } from '../../../core/ports/audit.ts'
import type { Clock, Timer } from '../../../core/ports/clock.ts'
import { LeaseElsewhere, underLease, type Lease } from '../../../core/ports/leases.ts'
import type { NodeLeases } from '../../../core/server/leases.ts'
import type { Access } from '../../../core/trust/access.ts'
import type { Plugs } from '../../../doors/http/plugs.ts'
import { Refusal } from '../../../base/refusal.ts'
import { isPasswordRefusal, VsphereError } from '../../../outside/vsphere-api/errors.ts'
import { undefinedIfAltered, type VcenterLogin, type VcenterLogins } from '../logins.ts'
import type { Vcenter, Vcenters } from '../vcenters.ts'
import type { Campaign } from './campaign.ts'
import type { Campaigns } from './campaigns.ts'
import { isOpen } from './window.ts'

/** The time between two looks for campaigns, and before a new try after trouble. */
const rekeyLookMs = 15_000
const troublePauseMs = 60_000
/** The time that the stop of the server waits for calls that are under way. */
const stopMs = 2_000

/** Why a campaign does not get on at present. */
export interface RekeyTrouble {
  readonly atMs: number
  readonly message: string
}

interface RunnerParts {
  readonly access: Pick<Access, 'snapshot'>
  readonly audit: Pick<Audit, 'enter'>
  readonly clock: Clock
  readonly keys: Pick<Keys, 'show'>
  readonly leases: Pick<NodeLeases, 'hold'>
  readonly plugs: Pick<Plugs, 'copyKeys'>
  readonly vcenters: Vcenters
  readonly campaigns: Campaigns
  /** The logins of campaigns. */
  readonly logins: VcenterLogins
  /** Called with bugs and outages of this server. */
  readonly failed: (error: unknown) => void
}

export class RekeyRunner {
  readonly #parts: RunnerParts
  readonly #stopping = new AbortController()
  /** By vCenter. */
  readonly #running = new Map<string, Promise<void>>()
  /** By vCenter; `againMs` is monotonic. */
  readonly #troubles = new Map<string, RekeyTrouble & { readonly againMs: number }>()
  #looking: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(parts: RunnerParts) {
    this.#parts = parts
  }

  start(): void {
    void this.look()
    this.#timer = this.#parts.clock.every(rekeyLookMs, () => void this.look())
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stopping.abort()
    const ended = new AbortController()
    const all = Promise.all([this.#looking, ...this.#running.values()])
    // A vCenter that does not answer holds nothing up.
    await Promise.race([all, this.#parts.clock.sleep(stopMs, ended.signal)])
    ended.abort()
  }

  /** undefined: it gets on, or another node works on it. */
  troubleOf(vcenterId: string): RekeyTrouble | undefined {
    return this.#troubles.get(vcenterId)
  }

  /** Takes up what is to be done. Resolves before that is done. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => (this.#looking = undefined))
    return this.#looking
  }

  /** Takes it up at once: a person began it or has it go on. */
  lookAgain(vcenterId: string): void {
    this.#troubles.delete(vcenterId)
    void (this.#looking ?? Promise.resolve()).then(() =>
      this.#stopping.signal.aborted ? undefined : this.look(),
    )
  }

  async #look(): Promise<void> {
    const { campaigns, clock, leases, vcenters, access } = this.#parts
    const all = (await campaigns.all().catch(undefinedIfAltered)) ?? []
    const begun = all.filter(({ state }) => state === 'running' || state === 'paused')
    for (const id of this.#troubles.keys())
      if (!begun.some(({ vcenterId, state }) => vcenterId === id && state === 'running'))
        this.#troubles.delete(id)
    if (begun.length === 0) return
    const lease = await leases.hold('vcenter-rekey')
    if (!lease) return this.#troubles.clear()
    const [known, { tables }] = [await vcenters.all(), await access.snapshot()]
    for (const campaign of begun) {
      const { vcenterId, loginUntilMs } = campaign
      if (this.#running.has(vcenterId)) continue
      const vcenter = known.find(({ id }) => id === vcenterId)
      if (!vcenter || !tables.instance.has(campaign.instanceId))
        await this.#end(campaign, 'ended', 'the vCenter or the instance was removed')
      else if (loginUntilMs !== null && loginUntilMs <= clock.now())
        await this.#pause(campaign, 'its login was stored for as long as it may be', true)
      else if (campaign.state === 'running' && this.#isDue(campaign)) this.#begin(campaign, vcenter, lease)
    }
  }

  #isDue({ vcenterId, choices }: Campaign): boolean {
    const { clock } = this.#parts
    const againMs = this.#troubles.get(vcenterId)?.againMs ?? -Infinity
    return clock.monotonic() >= againMs && isOpen(choices.window, clock.now())
  }

  #begin(campaign: Campaign, vcenter: Vcenter, lease: Lease): void {
    const { vcenterId } = campaign
    const running = underLease(lease, () => this.#run(campaign, vcenter, lease))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => this.#running.delete(vcenterId))
    this.#running.set(vcenterId, running)
  }

  async #run(campaign: Campaign, vcenter: Vcenter, lease: Lease): Promise<void> {
    const { logins, clock } = this.#parts
    const place = { ...vcenter, user: campaign.user ?? '' }
    const { CampaignStop } = await import('./campaign-run.ts')
    try {
      const login = await logins.stored(place)
      if (!login) return await this.#pause(campaign, 'its login is off')
      const isDone = await logins.use(place, login, () => this.#inSession(campaign, vcenter, login, lease))
      this.#troubles.delete(vcenter.id)
      if (isDone) await this.#end(campaign, 'done', null)
    } catch (error) {
      if (this.#stopping.signal.aborted || error instanceof LeaseElsewhere) return
      if (error instanceof CampaignStop || isPasswordRefusal(error))
        return await this.#pause(campaign, (error as Error).message)
      if (!(error instanceof VsphereError || error instanceof Refusal)) this.#failed(error)
      const message =
        error instanceof VsphereError || error instanceof Refusal ? error.message : 'this server has trouble'
      const againMs = clock.monotonic() + troublePauseMs
      this.#troubles.set(vcenter.id, { atMs: clock.now(), message, againMs })
    }
  }

  async #inSession(
    campaign: Campaign,
    vcenter: Vcenter,
    login: VcenterLogin,
    lease: Lease,
  ): Promise<boolean> {
    const [{ CampaignRun }, { inSession }, { audited }, { KeyProviders }] = await Promise.all([
      import('./campaign-run.ts'),
      import('../reach.ts'),
      import('../audited.ts'),
      import('../../../outside/vsphere-api/key-providers.ts'),
    ])
    const { audit, campaigns, clock, keys, plugs } = this.#parts
    const { signal } = this.#stopping
    const changer = { audit, actor: serverActor, requestId: null, vcenter }
    return inSession(vcenter, login, clock, (session) =>
      new CampaignRun({
        campaign,
        campaigns,
        session,
        providers: new KeyProviders(session),
        isUsable: async (key) => {
          const known = await keys.show(vcenter.instanceId, key)
          return known?.state === 'PreActive' || known?.state === 'Active'
        },
        copyKeys: plugs.copyKeys,
        change: (detail, work) => audited(changer, { ...detail, begunBy: campaign.by ?? '' }, work),
        mayGoOn: () => this.#mayGoOn(campaign, lease),
        signal,
      }).run(),
    )
  }

  /** Asks the store, since a person may pause it on another node. */
  async #mayGoOn({ vcenterId, hash, choices }: Campaign, lease: Lease): Promise<boolean> {
    const { campaigns, clock } = this.#parts
    this.#stopping.signal.throwIfAborted()
    if (!lease.isHeld()) throw new LeaseElsewhere()
    const now = await campaigns.of(vcenterId)
    return now?.state === 'running' && now.hash === hash && isOpen(choices.window, clock.now())
  }

  async #pause(campaign: Campaign, reason: string, forgetsLogin = false): Promise<void> {
    const { campaigns, logins } = this.#parts
    const paused = { state: 'paused', reason, ...(forgetsLogin && noLogin) } as const
    await campaigns.change(
      campaign.vcenterId,
      (now) => (isSame(now, campaign) ? { ...now, ...paused } : null),
      [this.#entry(campaign, 'paused', reason)],
    )
    if (forgetsLogin) await logins.remove(campaign.vcenterId)
  }

  async #end(campaign: Campaign, state: 'done' | 'ended', reason: string | null): Promise<void> {
    const { campaigns, clock, logins } = this.#parts
    const ended = { state, reason, ...noLogin, endedMs: clock.now() } as const
    await campaigns.change(
      campaign.vcenterId,
      (now) => (isSame(now, campaign) ? { ...now, ...ended } : null),
      [this.#entry(campaign, state, reason)],
    )
    await logins.remove(campaign.vcenterId)
  }

  #entry({ vcenterId, instanceId, hash }: Campaign, state: string, reason: string | null): AuditEntry {
    return {
      atMs: this.#parts.clock.now(),
      action: 'vcenter.rekey',
      result: 'success',
      instanceId,
      object: vcenterId,
      actor: serverActor,
      reason,
      requestId: null,
      detail: { state, plan: hash },
    }
  }

  #failed(error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#parts.failed(error)
  }
}

const noLogin = { user: null, loginUntilMs: null } as const

/** Whether it is the same campaign, and not over. */
function isSame(now: Campaign, { hash, plannedMs }: Campaign): boolean {
  return (
    now.hash === hash && now.plannedMs === plannedMs && (now.state === 'running' || now.state === 'paused')
  )
}
