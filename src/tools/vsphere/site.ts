// The simulated site: one vCenter, its hosts and virtual machines, a vSAN cluster, and the keys that each of them
// knows. All show the same client certificate; hosts connect from addresses of their own. sequences.ts has what they
// do.

import type { WireCredential } from '../../wire/kmip/credential.ts'
import type { Address } from '../../base/kmip-address.ts'
import { clientTls, type ClientTls, type ServerTrust } from '../../outside/kmip-client/tls.ts'
import type { RunLog } from './run-log.ts'
import { KeyInventory } from './key-inventory.ts'
import { canChooseSource, hostAddress } from './loopback.ts'
import { profiles, type ProductProfile, type ProfileName } from './profiles.ts'
import { Chance } from './random.ts'
import { KmipEndpoint } from './endpoint.ts'
import { setTimeout as sleep } from 'node:timers/promises'

/** A pause in which nothing happens (minutes between two health checks) is shortened further by this factor. */
const idleShortening = 60
const jitter = 0.1

/** Time in the simulation: the pauses between real connections, divided by the speed, with some jitter. */
class Tempo {
  readonly #speed: number
  readonly #chance: Chance
  readonly #signal: AbortSignal | undefined

  /** `speed` 1: as fast as the real ones. `signal` ends all pauses. */
  constructor(speed: number, chance: Chance, signal?: AbortSignal) {
    this.#speed = speed
    this.#chance = chance
    this.#signal = signal
  }

  /** A pause between connections that belong together. `ms`: as recorded. */
  async gap(ms: number): Promise<void> {
    const factor = 1 + jitter * (2 * this.#chance.next() - 1)
    await sleep((ms * factor) / this.#speed, undefined, { signal: this.#signal }).catch(() => undefined)
  }

  /** A pause between unrelated actions. */
  async idle(ms: number): Promise<void> {
    await this.gap(ms / idleShortening)
  }
}

export interface SiteOptions {
  readonly addresses: readonly Address[]
  /** PEM. */
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly trust: ServerTrust
  readonly profile: ProfileName
  /** How many hosts, at least 1. */
  readonly hosts: number
  readonly vms: number
  readonly speed: number
  readonly seed: number
  readonly credential?: WireCredential | undefined
  readonly runLog: RunLog
  /** Aborted: nothing more is done but that what was made is marked. */
  readonly signal?: AbortSignal | undefined
}

export interface Host {
  readonly name: string
  readonly uuid: string
  /** The host itself, for vSAN. For encrypted virtual machines vCenter asks on its behalf. */
  readonly endpoint: KmipEndpoint
  /** The key for core dumps of a host with encrypted virtual machines. */
  hostKey: string | undefined
}

export interface VirtualMachine {
  readonly name: string
  readonly uuid: string
  host: Host
  key: string | undefined
  /** Older keys that snapshots and backups still need. */
  readonly formerKeys: string[]
}

export interface VsanKeys {
  readonly keyEncryptionKey: string
  readonly hostKey: string
}

/** For one vCenter: at most three concurrent connections were seen. */
const vcenterConnectionsMax = 3
/** For a host: one connection for each of its two keys. */
const hostConnectionsMax = 2
/** The time that vSAN's health check presumably waits for a handshake. */
const vsanHandshakeMsMax = 5_000

export class Site {
  readonly addresses: readonly Address[]
  readonly profile: ProductProfile
  readonly trust: ServerTrust
  readonly runLog: RunLog
  readonly inventory = new KeyInventory()
  readonly tempo: Tempo
  readonly credential: WireCredential | undefined
  readonly tls: ClientTls
  readonly vcenter: KmipEndpoint
  readonly hosts: readonly Host[]
  readonly vms: readonly VirtualMachine[]
  readonly #signal: AbortSignal | undefined
  vsan: VsanKeys | undefined

  /** Throws TlsOptionsError. */
  static async open(options: SiteOptions): Promise<Site> {
    return new Site(options, await canChooseSource(options.addresses))
  }

  constructor(options: SiteOptions, sourceAddresses: boolean) {
    const { addresses, trust, runLog, credential, signal } = options
    const profile: ProductProfile = profiles[options.profile]
    this.addresses = addresses
    this.profile = profile
    this.trust = trust
    this.runLog = runLog
    this.credential = credential
    this.#signal = signal
    this.tls = clientTls({ ...profile, cert: options.cert, key: options.key, trust })
    const chance = new Chance(options.seed)
    this.tempo = new Tempo(options.speed, chance.for('tempo'), signal)
    this.vcenter = this.endpoint('vcenter')
    this.hosts = Array.from({ length: options.hosts }, (_, index) => {
      const name = `esx-${numbered(index)}.site.test`
      return {
        name,
        uuid: chance.for(name).uuid(),
        endpoint: this.endpoint(name, {
          connectionsMax: hostConnectionsMax,
          handshakeMsMax: vsanHandshakeMsMax,
          localAddress: sourceAddresses ? hostAddress(index) : undefined,
        }),
        hostKey: undefined,
      }
    })
    const [first] = this.hosts
    if (!first) throw new TypeError('a site has at least one host')
    this.vms = Array.from({ length: options.vms }, (_, index) => {
      const name = `vm-${numbered(index)}`
      const host = this.hosts[index % this.hosts.length] ?? first
      return { name, uuid: chance.for(name).uuid(), host, key: undefined, formerKeys: [] }
    })
  }

  /** Another endpoint with the site's certificate or, with `tls`, another one. */
  endpoint(
    name: string,
    more: {
      readonly addresses?: readonly Address[]
      readonly tls?: ClientTls
      readonly credential?: WireCredential
      readonly connectionsMax?: number
      readonly handshakeMsMax?: number
      readonly localAddress?: string | undefined
      readonly signal?: undefined
    } = {},
  ): KmipEndpoint {
    const { addresses, tls, runLog, inventory, credential } = this
    const own = { addresses, tls, runLog, inventory, credential, signal: this.#signal }
    return new KmipEndpoint({ ...own, connectionsMax: vcenterConnectionsMax, ...more, name })
  }
}

function numbered(index: number): string {
  return String(index + 1).padStart(2, '0')
}
