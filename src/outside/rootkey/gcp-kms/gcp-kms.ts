// Google Cloud KMS: one conversation for all root keys in it, as the service account that the configuration names, or that of the
// machine.

import { BearerLogin } from '../clouds/bearer-login.ts'
import { CloudHttp } from '../clouds/http.ts'
import { CloudRootKey } from '../clouds/root-key.ts'
import { CloudSession, type CloudSurroundings } from '../clouds/session.ts'
import { GcpApi } from './api.ts'
import { GcpKey } from './key.ts'
import { gcpGrant, type GcpAccess } from './login.ts'
import { parseGcpUri } from './uri.ts'

export interface GcpKmsOptions {
  readonly access: GcpAccess
  /** https://HOST[:PORT] */
  readonly endpoint: string
  /** PEM; only these CAs are trusted, for Google's authorization server too. undefined: those of Node.js. */
  readonly ca: string | undefined
  /** The address of the metadata server; left out: the one that every machine in Google Cloud has. */
  readonly metadataAddress?: string
}

export class GcpKms {
  readonly #https: readonly CloudHttp[]
  readonly #session: CloudSession
  readonly #endpoint: URL
  readonly #title: string

  constructor(options: GcpKmsOptions, { clock, onCall }: CloudSurroundings) {
    const { access, endpoint, ca, metadataAddress = 'http://metadata.google.internal' } = options
    const shared = { ca, caVariable: 'MORTISE_GCP_CA_FILE', clock }
    this.#endpoint = new URL(endpoint)
    this.#title = `Google Cloud KMS at ${this.#endpoint.host}`
    const plain = access.method === 'metadata-server'
    const issuer = plain ? 'the metadata server of this machine' : "Google's authorization server"
    const [http, asked] = [
      new CloudHttp({ ...shared, title: this.#title }),
      new CloudHttp({ ...shared, title: issuer, plain }),
    ]
    this.#https = [http, asked]
    const login = new BearerLogin(gcpGrant(access, asked, metadataAddress), clock)
    this.#session = new CloudSession({ http, api: new GcpApi({ title: this.#title, login }), clock, onCall })
  }

  /** Throws RootKeyError for a URI that is none. Asks nothing. */
  open(uri: string): CloudRootKey {
    const place = { session: this.#session, endpoint: this.#endpoint, title: this.#title }
    return new CloudRootKey(new GcpKey(parseGcpUri(uri), place))
  }

  close(): void {
    for (const http of this.#https) http.close()
  }
}
