// One change-over: this server takes the place of the servers of a key provider that machines use already. Nothing in vCenter is changed
// while a key of those machines is missing here. Each step looks first, so a run that was broken off is run again.

import { addressText, type Address } from '../../../base/kmip-address.ts'
import { Refusal } from '../../../base/refusal.ts'
import { counted } from '../../../base/text/counted.ts'
import { listed } from '../../../base/text/listed.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { Certificate } from '../../../core/pki/certificate.ts'
import type { InventoryRow } from '../../../core/ports/inventory.ts'
import type { TakenOver } from '../../../doors/http/plugs.ts'
import type { KeyProviders, KmipServer } from '../../../outside/vsphere-api/key-providers.ts'
import type { ClientSide } from '../client-side.ts'
import {
  addressKey,
  addressOf,
  greenStep,
  privilegesStep,
  providerNamed,
  serverNames,
  type GreenParts,
} from '../common-steps.ts'
import type { ConnectParts } from '../connect.ts'
import type { ConnectSteps, StepOutcome } from '../steps.ts'
import type { FormerServer, Switched } from '../vcenters.ts'
import type { FreshInventory } from './fresh-inventory.ts'

/** Keys that vCenter is asked to find here in the end. */
const proofsMax = 3
/** Keys, machines and servers that a sentence names. */
export const namesMax = 10

export interface SwitchPlan {
  readonly provider: string
  /** The addresses of this server, as vCenter reaches them. */
  readonly addresses: readonly Address[]
  readonly dryRun: boolean
}

export interface SwitchParts extends GreenParts {
  readonly providers: Pick<KeyProviders, keyof KeyProviders>
  readonly clientSide: Pick<ClientSide, 'clientOf' | 'isTrusted' | 'pin' | 'shown'>
  readonly ownCertificate: Certificate
  readonly steps: ConnectSteps
  readonly change: ConnectParts['change']
  readonly vcenter: { readonly id: string; readonly name: string }
  /** `client`: the client here that belongs to this vCenter. */
  readonly inventory: (client: string | undefined) => Promise<FreshInventory>
  readonly takeOver: (keys: readonly string[]) => Promise<TakenOver>
  readonly record: SwitchRecord
}

/** The change-over as the list of vCenters has it. */
export interface SwitchRecord {
  readonly now: () => Promise<Switched | undefined>
  readonly begin: (servers: readonly FormerServer[]) => Promise<void>
  /** The client here whose certificate the provider uses. */
  readonly noteClient: (client: string | undefined) => Promise<void>
  /** The run has reached its end, and vCenter found this key here. */
  readonly finish: (key: string) => Promise<void>
}

export class SwitchRun {
  readonly #parts: SwitchParts
  readonly #plan: SwitchPlan
  /** The rows of machines that use the provider. */
  #rows: readonly InventoryRow[] = []

  constructor(parts: SwitchParts, plan: SwitchPlan) {
    this.#parts = parts
    this.#plan = plan
  }

  /** Rejects with Refusal and VsphereError, and with the signal's reason. */
  async run(): Promise<void> {
    const { providers, steps, record } = this.#parts
    const { provider, dryRun } = this.#plan
    await this.#requireFree()
    await steps.run('privileges', 'the privileges of the user', () => privilegesStep(providers))
    await steps.run('inventory', `the machines that use ${provider}`, () => this.#inventory())
    await steps.run('keys', 'their keys, adopted and opened here', () => this.#keys())
    await steps.run('trust-vcenter', 'this server trusts vCenter', () => this.#trustVcenter())
    await steps.run('trust-mortise', 'vCenter trusts this server', () => this.#trustMortise())
    await steps.run('servers', `the servers of ${provider}`, () => this.#servers())
    await steps.run('green', 'vCenter says that it reaches this server', () => this.#green())
    await steps.run('proof', 'vCenter finds the keys here', () => this.#proof())
    const [key] = keysOf(this.#rows)
    if (!dryRun && key !== undefined) await record.finish(key)
  }

  async #requireFree(): Promise<void> {
    const { record, vcenter } = this.#parts
    const open = await record.now()
    if (!open || open.provider === this.#plan.provider) return
    throw new Refusal(
      'conflict',
      `the change-over of the key provider ${open.provider} is not finished`,
      `Finish it first: mortise vcenter switch-finish ${shellWord(vcenter.name)}. Or take it back: mortise vcenter switch-back ${shellWord(vcenter.name)}`,
    )
  }

  async #inventory(): Promise<StepOutcome> {
    const { clientSide, inventory, providers, steps, vcenter } = this.#parts
    const { provider } = this.#plan
    await providerNamed(providers, provider)
    const client = await clientSide.clientOf(await providers.clientCertificate(provider))
    const { reasons, rows } = await inventory(client)
    if (reasons.length > 0)
      throw new Refusal(
        'refused',
        `the inventory is not whole, so a machine could lose its key: ${reasons.join('; ')}`,
        'Nothing was changed. Do what it says, and run again.',
      )
    const all = rows.get(vcenter.id) ?? []
    this.#rows = all.filter((row) => row.provider === provider)
    if (this.#rows.length === 0)
      throw new Refusal(
        'refused',
        `no machine uses the key provider ${provider}, so there is nothing to change over`,
        'Make a key provider of this server: mortise vcenter connect. Or check the name: upper and lower case differ.',
      )
    const nameless = all.filter((row) => row.provider === '').length
    if (nameless > 0)
      steps.warn(
        `vCenter names no key provider for ${counted(nameless, 'key')} in use: they are not looked at here`,
      )
    this.#warnOfVsan()
    const machines = new Set(this.#rows.map(({ kind, machineId }) => `${kind} ${machineId}`)).size
    return {
      state: 'done',
      text: `${counted(machines, 'machine, host or cluster uses', 'machines, hosts and clusters use')} ${counted(keysOf(this.#rows).length, 'key')} of ${provider}`,
    }
  }

  /** Whether an update of the servers reaches the hosts is not known. */
  #warnOfVsan(): void {
    const clusters = this.#rows.filter(({ kind }) => kind === 'vsan-cluster').map(({ name }) => name)
    const names = [...new Set(clusters)]
    if (names.length === 0) return
    this.#parts.steps.warn(
      `the hosts of ${listed(names.slice(0, namesMax), 'and')} keep copies of the addresses of key servers for vSAN. Afterwards look at Monitor, vSAN, Skyline Health, Data-at-rest encryption of each cluster before you restart a host; if a host does not reach this server, edit the cluster's vSAN encryption and choose the key provider again`,
    )
  }

  async #keys(): Promise<StepOutcome> {
    const { dryRun } = this.#plan
    const keys = keysOf(this.#rows)
    const { adopted, troubles } = await this.#parts.takeOver(keys)
    if (troubles.length > 0) throw keysMissing(this.#rows, troubles)
    const came = counted(
      adopted,
      dryRun ? 'key would be adopted' : 'key or change was adopted',
      dryRun ? 'keys would be adopted' : 'keys and changes were adopted',
    )
    return {
      state: dryRun && adopted > 0 ? 'would' : 'done',
      text: `${came}; this server ${dryRun ? 'would open' : 'has opened'} ${keys.length === 1 ? 'the key' : `all ${String(keys.length)} keys`} of these machines`,
    }
  }

  async #trustVcenter(): Promise<StepOutcome> {
    const { clientSide, providers, record } = this.#parts
    const { provider, dryRun } = this.#plan
    const inUse = await providers.clientCertificate(provider)
    if (inUse === undefined)
      throw new Refusal(
        'refused',
        `the key provider ${provider} has no client certificate, so this server cannot recognize vCenter`,
        'Establish trust with the old server in vCenter first, or make one there: Key Providers, Establish Trust.',
      )
    const isTrusted = await clientSide.isTrusted(inUse)
    if (!isTrusted && dryRun)
      return { state: 'would', text: 'would trust the client certificate of the provider' }
    const sha256 = isTrusted ? '' : `, SHA-256 ${(await clientSide.pin(inUse)).sha256}`
    if (!dryRun) await record.noteClient(await clientSide.clientOf(inUse))
    return isTrusted
      ? { state: 'already', text: `this server trusts vCenter: ${clientSide.shown}` }
      : { state: 'done', text: `trusts the client certificate of the provider${sha256}` }
  }

  /** The old servers are recorded before the first change. */
  async #trustMortise(): Promise<StepOutcome> {
    const { ownCertificate: own, providers, record } = this.#parts
    const { provider, dryRun } = this.#plan
    const { servers } = await providerNamed(providers, provider)
    const text = `this server's certificate, SHA-256 ${own.sha256}`
    if (dryRun) return { state: 'would', text: `would give vCenter ${text}` }
    if (!(await record.now())) {
      const old = servers.filter((server) => !this.#isOwn(server))
      if (old.length > 0) await record.begin(await this.#withCertificates(old))
    }
    const detail = { provider, certificate: own.sha256 }
    await this.#parts.change('UploadKmipServerCert', detail, () => providers.trustServer(provider, own.pem))
    return { state: 'done', text: `gave vCenter ${text}` }
  }

  async #withCertificates(servers: readonly KmipServer[]): Promise<readonly FormerServer[]> {
    const old: FormerServer[] = []
    for (const server of servers) {
      const certificate = await this.#parts.providers.trustedServerCertificate(this.#plan.provider, server)
      old.push({ ...server, ...(certificate !== undefined && { certificate }) })
    }
    return old
  }

  /** The provider always has a server. Old and new ones are never in it together. */
  async #servers(): Promise<StepOutcome> {
    const { providers, change } = this.#parts
    const { provider, addresses, dryRun } = this.#plan
    const { servers } = await providerNamed(providers, provider)
    const old = servers.filter((server) => !this.#isOwn(server))
    const has = new Set(servers.map((server) => addressOf(server).toLowerCase()))
    const missing = addresses.filter((address) => !has.has(addressKey(address)))
    if (old.length === 0 && missing.length === 0)
      return { state: 'already', text: `the key provider ${provider} has this server alone` }
    const [first, ...others] = old
    const what = `${listed(missing.map(addressText), 'and')} in the place of ${listed(old.map(addressOf), 'and')}`
    if (dryRun) return { state: 'would', text: `would put ${what}` }
    const left = [...missing]
    for (const { name, ...server } of others)
      await change('RemoveKmipServer', { provider, server: name, address: addressOf(server) }, () =>
        providers.remove(provider, name),
      )
    if (first) {
      const next = others.length + 1 === servers.length ? left.shift() : undefined
      const detail = { provider, server: first.name, before: addressOf(first) }
      if (next)
        await change('UpdateKmipServer', { ...detail, address: addressText(next) }, () =>
          providers.update(provider, { name: first.name, address: next.host, port: next.port }),
        )
      else await change('RemoveKmipServer', detail, () => providers.remove(provider, first.name))
    }
    const names = serverNames(left.length, new Set(servers.map(({ name }) => name)))
    for (const [at, { host, port }] of left.entries()) {
      const server = { name: names[at] ?? '', address: host, port }
      const detail = { provider, server: server.name, address: addressOf(server) }
      await change('RegisterKmipServer', detail, () => providers.register(provider, server))
    }
    return {
      state: 'done',
      text: old.length === 0 ? `registered ${listed(missing.map(addressText), 'and')}` : `put ${what}`,
    }
  }

  #isOwn(server: KmipServer): boolean {
    const text = addressOf(server).toLowerCase()
    return this.#plan.addresses.some((address) => addressKey(address) === text)
  }

  async #green(): Promise<StepOutcome> {
    const { provider, dryRun } = this.#plan
    if (dryRun) return { state: 'would', text: 'would wait until vCenter says green' }
    return greenStep(this.#parts, provider, false)
  }

  /** Makes no key: a key that were made here could not be taken back to the old server. */
  async #proof(): Promise<StepOutcome> {
    const { providers } = this.#parts
    const { provider, dryRun } = this.#plan
    const keys = keysOf(this.#rows).slice(0, proofsMax)
    const shown = `${counted(keys.length, 'key')} of ${machinesOf(this.#rows, keys)}`
    if (dryRun) return { state: 'would', text: `would have vCenter find ${shown} here` }
    for (const key of keys) {
      const { isThere, reason } = await providers.findKey(provider, key)
      if (!isThere)
        throw new Refusal(
          'refused',
          `vCenter does not find the key ${key} here: ${reason}`,
          `This server has it. Look who is refused: mortise audit list. Run again, or go back: mortise vcenter switch-back ${shellWord(this.#parts.vcenter.name)}`,
        )
    }
    return { state: 'done', text: `vCenter finds ${shown} here` }
  }
}

export function keysOf(rows: readonly Pick<InventoryRow, 'key'>[]): readonly string[] {
  return [...new Set(rows.map(({ key }) => key))]
}

/** The first machines that use any of the keys. */
function machinesOf(rows: readonly InventoryRow[], keys: readonly string[]): string {
  const some = new Set(keys)
  const names = [...new Set(rows.filter(({ key }) => some.has(key)).map(({ name }) => name))]
  const more = names.length > namesMax ? `, and ${String(names.length - namesMax)} more` : ''
  return `${names.slice(0, namesMax).join(', ')}${more}`
}

/** Names the keys that cannot be opened here, with their machines. */
export function keysMissing(rows: readonly InventoryRow[], troubles: TakenOver['troubles']): Refusal {
  const first = troubles.slice(0, namesMax).map(({ id, why }) => `${id} of ${machinesOf(rows, [id])}: ${why}`)
  const more = troubles.length > namesMax ? `; and ${String(troubles.length - namesMax)} more` : ''
  return new Refusal(
    'refused',
    `${counted(troubles.length, 'key')} that machines use cannot be opened here: ${first.join('; ')}${more}`,
    'Nothing was changed in vCenter. Adopt these keys (mortise adopt kmip), and run again.',
  )
}
