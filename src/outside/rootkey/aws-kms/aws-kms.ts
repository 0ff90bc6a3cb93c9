// AWS KMS: one conversation for each region, with the credentials that AWS's own chain finds on this machine.

import { RootKeyError } from '../../../core/ports/root-key.ts'
import { CloudHttp } from '../clouds/http.ts'
import { CloudRootKey } from '../clouds/root-key.ts'
import { CloudSession, type CloudPlace, type CloudSurroundings } from '../clouds/session.ts'
import { AwsKmsApi } from './api.ts'
import { AwsKmsKey, describeKey } from './key.ts'
import { loadAwsSdk, type AwsSdk } from './sdk.ts'
import { parseAwsKmsUri, type AwsKmsUri } from './uri.ts'

export interface AwsKmsOptions {
  /** Instead of AWS's public endpoints. https://HOST[:PORT] */
  readonly endpoint: string | undefined
  /** PEM; only these CAs are trusted. undefined: those of Node.js. */
  readonly ca: string | undefined
  /** A file of AWS's form, and a section in it; undefined: as AWS's chain finds them. */
  readonly credentialsFile: string | undefined
  readonly profile: string | undefined
}

export class AwsKms {
  readonly #options: AwsKmsOptions
  readonly #with: CloudSurroundings
  #sdk: Promise<AwsSdk> | undefined
  readonly #places = new Map<string, CloudPlace & { readonly http: CloudHttp }>()

  constructor(options: AwsKmsOptions, shared: CloudSurroundings) {
    this.#options = options
    this.#with = shared
  }

  /** Throws RootKeyError. An alias must be there; the ARN of a key is taken as it is, without asking. */
  async open(uri: string): Promise<CloudRootKey> {
    const target = parseAwsKmsUri(uri)
    const place = await this.#place(target)
    const arn = target.isAlias ? (await describeKey(target.arn, place)).Arn : target.arn
    return new CloudRootKey(new AwsKmsKey(arn, place))
  }

  close(): void {
    for (const { http } of this.#places.values()) http.close()
    this.#places.clear()
  }

  async #place({ arn, region, host }: AwsKmsUri): Promise<CloudPlace> {
    const { endpoint = host && `https://${host}`, ca, credentialsFile, profile } = this.#options
    if (endpoint === undefined)
      throw new RootKeyError(
        'root-key',
        `the endpoint for ${arn} is not known: name it with MORTISE_AWS_KMS_ENDPOINT`,
      )
    const { clock, onCall } = this.#with
    const found = {
      ...(credentialsFile !== undefined && { filepath: credentialsFile, profile: profile ?? 'default' }),
      ...(profile !== undefined && { profile }),
    }
    this.#sdk ??= loadAwsSdk(found, clock)
    const sdk = await this.#sdk.catch((error: unknown) => {
      this.#sdk = undefined
      throw error
    })
    const name = `${region} ${endpoint}`
    const known = this.#places.get(name)
    if (known) return known
    const title = `AWS KMS in ${region}`
    const http = new CloudHttp({ title, ca, caVariable: 'MORTISE_AWS_CA_FILE', clock })
    const api = new AwsKmsApi({ title, region, sdk, clock })
    const session = new CloudSession({ http, api, clock, onCall })
    const place = { session, endpoint: new URL(endpoint), title, http }
    this.#places.set(name, place)
    return place
  }
}
