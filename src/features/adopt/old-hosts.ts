// The hosts that this server connects to as old servers. An administrator of the machine lists them (adopt.hosts); without a list
// a manager may name any host, and a manager of one instance learns only whether it can be used (upstream-trial.ts).

import { addressText, type Address } from '../../base/kmip-address.ts'
import { AdoptionFailed } from './failure.ts'
import { addressOf } from './old-server.ts'

export class OldHosts {
  readonly #listed: () => readonly string[]

  /** `listed`: adopt.hosts, asked each time. */
  constructor(listed: () => readonly string[]) {
    this.#listed = listed
  }

  /** Throws AdoptionFailed if an administrator listed hosts, and one of these is not among them. */
  require(servers: readonly string[]): void {
    const missing = this.#missing(servers)
    if (missing === undefined || this.#listed().length === 0) return
    throw new AdoptionFailed(
      'server',
      `${addressText(missing)} is not among the hosts that this server may adopt from`,
      'The owner of the machine lists them: adopt.hosts (MORTISE_ADOPT_HOSTS).',
    )
  }

  /** Whether an administrator listed all of these hosts. */
  areListed(servers: readonly string[]): boolean {
    return this.#missing(servers) === undefined
  }

  #missing(servers: readonly string[]): Address | undefined {
    const listed = new Set(this.#listed().map((text) => nameOf(addressOf(text))))
    return servers.map(addressOf).find((address) => !listed.has(nameOf(address)))
  }
}

/** Names are compared whatever their case, without the dot of the root. */
function nameOf(address: Address): string {
  return addressText({ ...address, host: address.host.toLowerCase().replace(/\.$/, '') })
}
