// The campaigns in the store: one for each vCenter, the last, as sealed secrets of this installation. No backup has them, so that a
// restored server begins none. A campaign's items are in parts, since each machine that is done writes one of them again.

import { Refusal } from '../../../base/refusal.ts'
import { localSecretPrefix } from '../../../core/backup/records.ts'
import type { AuditEntry } from '../../../core/ports/audit.ts'
import type { Secrets } from '../../../core/sealing/secrets.ts'
import type { Campaign, RekeyItem } from './campaign.ts'

const partItems = 50
const headPrefix = `${localSecretPrefix}vcenter-rekey/`
const partPrefix = `${localSecretPrefix}vcenter-rekey-part/`

export type CampaignSecrets = Pick<Secrets, 'change' | 'fresh' | 'freshUnder' | 'put' | 'remove'>

export class Campaigns {
  readonly #secrets: CampaignSecrets

  constructor(secrets: CampaignSecrets) {
    this.#secrets = secrets
  }

  async all(): Promise<readonly Campaign[]> {
    return [...(await this.#secrets.freshUnder(headPrefix)).values()].map((bytes) => campaignIn(bytes))
  }

  async of(vcenterId: string): Promise<Campaign | undefined> {
    const bytes = await this.#secrets.fresh(headPrefix + vcenterId)
    return bytes && campaignIn(bytes)
  }

  /** Every item, in their order. */
  async items({ vcenterId, parts }: Pick<Campaign, 'vcenterId' | 'parts'>): Promise<readonly RekeyItem[]> {
    const stored = await this.#secrets.freshUnder(`${partPrefix}${vcenterId}/`)
    return Array.from({ length: parts }, (_, part) => {
      const bytes = stored.get(partName(vcenterId, part))
      return bytes ? itemsIn(bytes) : []
    }).flat()
  }

  async part(vcenterId: string, part: number): Promise<readonly RekeyItem[]> {
    const bytes = await this.#secrets.fresh(partName(vcenterId, part))
    return bytes ? itemsIn(bytes) : []
  }

  async putPart(vcenterId: string, part: number, items: readonly RekeyItem[]): Promise<void> {
    await this.#secrets.put(partName(vcenterId, part), asBytes(items))
  }

  /**
   * Stores a plan in place of the last campaign of its vCenter, unless that still runs or is paused. Killed midway, there is no campaign.
   * Throws Refusal.
   */
  async plan(campaign: Omit<Campaign, 'parts'>, items: readonly RekeyItem[]): Promise<Campaign> {
    const { vcenterId } = campaign
    await this.forget(vcenterId)
    const parts = Math.ceil(items.length / partItems)
    for (let part = 0; part < parts; part++)
      await this.putPart(vcenterId, part, items.slice(part * partItems, (part + 1) * partItems))
    const planned = { ...campaign, parts }
    await this.#secrets.put(headPrefix + vcenterId, asBytes(planned))
    return planned
  }

  /** Throws Refusal while the campaign of this vCenter runs or is paused. */
  async requireFree(vcenterId: string): Promise<void> {
    const last = await this.of(vcenterId)
    if (last?.state !== 'running' && last?.state !== 'paused') return
    throw new Refusal(
      'conflict',
      `a rekey campaign of this vCenter is ${last.state}: two at once could work on one machine`,
      'Look at it: mortise vcenter rekey-show NAME. End it: mortise vcenter rekey-end NAME',
    )
  }

  /** Removes what is stored of the last campaign. Throws Refusal while it runs or is paused. */
  async forget(vcenterId: string): Promise<void> {
    await this.requireFree(vcenterId)
    const parts = await this.#secrets.freshUnder(`${partPrefix}${vcenterId}/`)
    await this.#secrets.remove([headPrefix + vcenterId, ...parts.keys()])
  }

  /**
   * Changes the campaign; `changed` may be called again if another node changes it at once. If it returns null, the campaign stays as it
   * is, and no entry is written. Returns the campaign as it is then; undefined: there is none. Throws what `changed` throws.
   */
  async change(
    vcenterId: string,
    changed: (now: Campaign) => Campaign | null,
    entries: readonly AuditEntry[],
  ): Promise<Campaign | undefined> {
    let after: Campaign | undefined
    const next = (bytes: Buffer | undefined): Uint8Array | null => {
      after = bytes && campaignIn(bytes)
      const made = after ? changed(after) : null
      if (!made) return null
      after = made
      return asBytes(made)
    }
    await this.#secrets.change(headPrefix + vcenterId, next, entries)
    return after
  }
}

function partName(vcenterId: string, part: number): string {
  return `${partPrefix}${vcenterId}/${String(part).padStart(4, '0')}`
}

function asBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function campaignIn(bytes: Buffer): Campaign {
  return JSON.parse(bytes.toString('utf8')) as Campaign
}

function itemsIn(bytes: Buffer): readonly RekeyItem[] {
  return JSON.parse(bytes.toString('utf8')) as readonly RekeyItem[]
}
