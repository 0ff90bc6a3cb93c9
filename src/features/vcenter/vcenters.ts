// The vCenters that administrators added: one sealed list in the store. It has no password in it.

import { Refusal } from '../../base/refusal.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { AuditEntry } from '../../core/ports/audit.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'

export interface Vcenter {
  readonly id: string
  readonly instanceId: string
  readonly name: string
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  readonly trust: StoredTrust
  /** `VMware vCenter Server` */
  readonly product: string
  readonly version: string
  /** vCenter's own identifier. No other vCenter has it. */
  readonly instanceUuid: string
  readonly addedMs: number
  /** The user whose password is stored, to read the inventory. Left out: each reading asks for a login. */
  readonly user?: string
  /** The time at which that password was stored; left out: an older version stored it. */
  readonly loginMs?: number
  /** The provider of the last connect. */
  readonly provider?: ConnectedProvider
  /** The change-over that is not finished. */
  readonly switched?: Switched
  /** The ids of the clients here whose certificates its key providers use, as connects found them. */
  readonly clients?: readonly string[]
}

/** A key provider whose servers this server took the place of, as it was before. */
export interface Switched {
  readonly provider: string
  readonly servers: readonly FormerServer[]
  readonly startedMs: number
  /** The sequence of the newest key here then; keys of a higher one came since. */
  readonly sequence: number
  /** The end of the last run that reached it; null: none did. */
  readonly doneMs: number | null
  /** The former value of `provider`. */
  readonly before: ConnectedProvider | null
}

export interface FormerServer {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly userName?: string
  /** The certificate of the server, as vCenter trusted it, PEM. */
  readonly certificate?: string
}

/** `fingerprint`: SHA-256 of the certificate, lower-case hex. `authority`: PEM of the CAs. */
export type StoredTrust = { readonly fingerprint: string } | { readonly authority: string }

export interface ConnectedProvider {
  readonly name: string
  /** The identifier of the key that vCenter made as a proof. */
  readonly proof: string
  /** The end of the last run that reached it; null: no run did. */
  readonly connectedMs: number | null
}

/** Changes of a vCenter. null: it has that no more. */
type VcenterFields = Partial<
  Pick<Vcenter, 'name' | 'host' | 'port' | 'trust' | 'product' | 'version' | 'clients' | 'loginMs'>
> & { readonly [Field in Clearable]?: Vcenter[Field] | null }

type Clearable = 'user' | 'provider' | 'switched'

const secretName = 'vcenters'
const vcentersMax = 64

export class Vcenters {
  readonly #secrets: Pick<Secrets, 'fresh' | 'change'>

  constructor(secrets: Pick<Secrets, 'fresh' | 'change'>) {
    this.#secrets = secrets
  }

  /** The list has all instances, also those that are gone. */
  async all(): Promise<readonly Vcenter[]> {
    return parsed(await this.#secrets.fresh(secretName))
  }

  async of(instanceId: string): Promise<readonly Vcenter[]> {
    return (await this.all()).filter((one) => one.instanceId === instanceId)
  }

  /** Finds one by its name or id. Throws Refusal. */
  async named({ id, name }: { readonly id: string; readonly name: string }, word: string): Promise<Vcenter> {
    const all = await this.of(id)
    const vcenter = all.find((one) => one.id === word) ?? all.find((one) => one.name === word)
    if (!vcenter)
      throw new Refusal(
        'not-found',
        `there is no vCenter ${word} in this instance`,
        `List them: mortise vcenter list --instance ${shellWord(name)}`,
      )
    return vcenter
  }

  /** Adds one, and forgets those of instances that are gone. Throws Refusal. */
  async add(vcenter: Vcenter, instances: ReadonlySet<string>, entry: AuditEntry): Promise<void> {
    await this.#change(entry, (all) => {
      const kept = all.filter(({ instanceId }) => instances.has(instanceId))
      requireFree(kept, vcenter)
      const same = ofInstance(kept, vcenter).find(({ instanceUuid }) => instanceUuid === vcenter.instanceUuid)
      if (same)
        throw new Refusal(
          'conflict',
          `this vCenter is added already, as ${same.name}`,
          `Look at it: mortise vcenter show ${shellWord(same.name)}`,
        )
      if (kept.length >= vcentersMax)
        throw new Refusal('refused', `this server knows ${vcentersMax} vCenters already, and takes no more`)
      return [...kept, vcenter]
    })
  }

  /** Replaces fields of one. Throws Refusal. */
  async set(
    vcenter: Pick<Vcenter, 'id' | 'instanceId'>,
    fields: VcenterFields,
    entry: AuditEntry,
  ): Promise<Vcenter> {
    const all = await this.#change(entry, (before) => {
      const [old] = before.filter(({ id }) => id === vcenter.id)
      if (!old) throw gone()
      const changed = changedVcenter(old, fields)
      requireFree(before, changed)
      return before.map((one) => (one === old ? changed : one))
    })
    const [set] = all.filter(({ id }) => id === vcenter.id)
    if (!set) throw gone()
    return set
  }

  async remove({ id }: Vcenter, entry: AuditEntry): Promise<void> {
    await this.#change(entry, (all) => {
      const kept = all.filter((one) => one.id !== id)
      if (kept.length === all.length) throw gone()
      return kept
    })
  }

  async #change(
    entry: AuditEntry,
    change: (all: readonly Vcenter[]) => readonly Vcenter[],
  ): Promise<readonly Vcenter[]> {
    let after: readonly Vcenter[] = []
    const changed = (bytes: Buffer | undefined): Buffer => {
      after = change(parsed(bytes))
      return Buffer.from(JSON.stringify(after))
    }
    await this.#secrets.change(secretName, changed, [entry])
    return after
  }
}

/** One with its fields replaced. */
export function changedVcenter(
  before: Vcenter,
  { user = before.user, provider = before.provider, switched = before.switched, ...fields }: VcenterFields,
): Vcenter {
  const { user: _user, provider: _provider, switched: _switched, ...rest } = before
  return {
    ...rest,
    ...fields,
    ...(user !== null && user !== undefined && { user }),
    ...(provider && { provider }),
    ...(switched && { switched }),
  }
}

function parsed(bytes: Buffer | undefined): readonly Vcenter[] {
  return bytes ? (JSON.parse(bytes.toString('utf8')) as readonly Vcenter[]) : []
}

function ofInstance(
  all: readonly Vcenter[],
  { instanceId }: Pick<Vcenter, 'instanceId'>,
): readonly Vcenter[] {
  return all.filter((one) => one.instanceId === instanceId)
}

function requireFree(all: readonly Vcenter[], vcenter: Vcenter): void {
  const same = ofInstance(all, vcenter).find(({ name }) => name === vcenter.name)
  if (same && same.id !== vcenter.id)
    throw new Refusal('conflict', `a vCenter named ${vcenter.name} exists already in this instance`)
}

function gone(): Refusal {
  return new Refusal('conflict', 'the vCenter was removed meanwhile')
}
