// Mortise's side of the fakes: services of root keys as the configuration would name them, and what they told of their calls.

import { Clouds, type CloudOptions } from '../../../src/outside/rootkey/clouds/clouds.ts'
import type { CloudCallMade } from '../../../src/outside/rootkey/clouds/session.ts'
import type { RootKeyOptions } from '../../../src/outside/rootkey/open.ts'
import type { AzureAccess } from '../../../src/outside/rootkey/azure-kv/api.ts'
import type { GcpAccess } from '../../../src/outside/rootkey/gcp-kms/api.ts'
import type { VaultAccess } from '../../../src/outside/rootkey/vault/api.ts'
import { withoutPauses } from '../time/without-pauses.ts'
import type { CloudFake } from './fake.ts'

export interface CloudSide {
  readonly clouds: Clouds
  /** For openRootKey and its kin. */
  readonly options: RootKeyOptions
  readonly made: CloudCallMade[]
}

/** To be closed: `side.clouds.close()`. */
export function cloudSide(options: Partial<CloudOptions>): CloudSide {
  const made: CloudCallMade[] = []
  const onCall = (call: CloudCallMade) => made.push(call)
  const none = { vault: null, awsKms: publicAws, azureKv: null, gcpKms: publicGcp }
  const clouds = new Clouds({ ...none, clock: withoutPauses(), onCall, ...options })
  return { clouds, made, options: { dataFolder: '/nowhere', create: false, clouds } }
}

const publicGcp: CloudOptions['gcpKms'] = {
  access: { method: 'metadata-server' },
  endpoint: 'https://cloudkms.googleapis.com',
  ca: undefined,
}

/** Without endpoint and credentials: AWS's own. */
const publicAws: CloudOptions['awsKms'] = {
  endpoint: undefined,
  ca: undefined,
  credentialsFile: undefined,
  profile: undefined,
}

export function awsKmsAt(fake: CloudFake, credentialsFile: string): Pick<CloudOptions, 'awsKms'> {
  const endpoint = `https://${fake.about.host}`
  return { awsKms: { endpoint, ca: fake.ca, credentialsFile, profile: undefined } }
}

export function azureKvAt(fake: CloudFake, access: AzureAccess): Pick<CloudOptions, 'azureKv'> {
  const here = `https://${fake.about.host}`
  const metadataAddress = `http://${fake.about.metadata}`
  return { azureKv: { access, loginAddress: here, endpoint: here, ca: fake.ca, metadataAddress } }
}

export function gcpKmsAt(fake: CloudFake, access: GcpAccess): Pick<CloudOptions, 'gcpKms'> {
  const metadataAddress = `http://${fake.about.metadata}`
  return { gcpKms: { access, endpoint: `https://${fake.about.host}`, ca: fake.ca, metadataAddress } }
}

export function vaultAt(fake: CloudFake, access: VaultAccess): Pick<CloudOptions, 'vault'> {
  return { vault: { address: `https://${fake.about.host}`, ca: fake.ca, namespace: undefined, access } }
}

/** What Mortise may do with a transit key, and no more. */
export function transitRules(...keys: readonly string[]): readonly object[] {
  return keys.flatMap((name) => {
    const at = (act: string) => name.replace(/\/(?=[^/]+$)/, `/${act}/`)
    return [
      { path: at('keys'), capabilities: ['read'] },
      { path: at('encrypt'), capabilities: ['update'] },
      { path: at('decrypt'), capabilities: ['update'] },
    ]
  })
}
