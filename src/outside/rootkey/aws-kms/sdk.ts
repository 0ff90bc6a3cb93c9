// The two packages of AWS's SDK that root keys in AWS KMS need: its chain of credentials and its signatures. They are loaded on
// use, since most servers have no such root key.

import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import type { DefaultProviderInit } from '@aws-sdk/credential-provider-node'
import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'

/**
 * How long AWS's chain of credentials may wait for a program or a service before another one asks anew, at first and at most; twice as
 * long after each, since what hangs is left behind.
 */
const awsChainMs = 10_000
const awsChainMsMax = 3_600_000

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface SignedRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface AwsSdk {
  /** Those that a chain found, which keeps them until they end. `forceRefresh`: it looks again. */
  readonly credentials: Chain
  /** The headers of the request with its signature. */
  readonly sign: (
    request: SignedRequest,
    how: { readonly region: string; readonly credentials: AwsCredentials; readonly at: Date },
  ) => Promise<Record<string, string>>
}

type Chain = (options: { readonly forceRefresh: boolean }) => Promise<AwsCredentials>

/** Throws RootKeyError where the packages are not there. */
export async function loadAwsSdk(
  init: Pick<DefaultProviderInit, 'filepath' | 'profile'>,
  clock: Pick<Clock, 'after'>,
): Promise<AwsSdk> {
  const [{ defaultProvider }, { SignatureV4 }] = await Promise.all([
    import('@aws-sdk/credential-provider-node'),
    import('@smithy/signature-v4'),
  ]).catch((cause: unknown) => {
    throw new RootKeyError(
      'unreachable',
      'root keys in AWS KMS need two packages of AWS: npm install @aws-sdk/credential-provider-node @smithy/signature-v4, ' +
        'beside Mortise; see docs/root-key-aws.md',
      { cause },
    )
  })
  // Files may be replaced at any time.
  const credentials = unlessItHangs(() => defaultProvider({ ...init, ignoreCache: true }), clock)
  return {
    credentials,
    sign: async ({ method, url, headers, body }, { region, credentials, at }) => {
      const signer = new SignatureV4({ service: 'kms', region, credentials, sha256: Sha256 })
      const { protocol, hostname, pathname } = url
      const request = { method, protocol, hostname, path: pathname, query: {}, body }
      const signed = await signer.sign(
        { ...request, headers: { ...headers, host: url.host } },
        { signingDate: at },
      )
      return signed.headers
    },
  }
}

/** A chain lets all wait for the answer that it waits for, so that after one that never comes it would give no credentials any more. */
function unlessItHangs(make: () => Chain, clock: Pick<Clock, 'after'>): Chain {
  let chain = make()
  let patienceMs: number = awsChainMs
  return async (options) => {
    const asked = chain
    const late = Promise.withResolvers<never>()
    const timer = clock.after(patienceMs, () => {
      late.reject(new Error('they did not come in time'))
      if (chain !== asked) return
      chain = make()
      patienceMs = Math.min(2 * patienceMs, awsChainMsMax)
    })
    try {
      const found = await Promise.race([asked(options), late.promise])
      if (chain === asked) patienceMs = awsChainMs
      return found
    } finally {
      timer.cancel()
    }
  }
}

/** The hash that the signer takes, by Node.js. */
class Sha256 {
  #hash: Hash | Hmac
  readonly #fresh: () => Hash | Hmac

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#fresh = () => {
      if (secret === undefined) return createHash('sha256')
      return createHmac('sha256', typeof secret === 'string' ? secret : bytesOf(secret))
    }
    this.#hash = this.#fresh()
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === 'string' ? data : bytesOf(data))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()))
  }

  reset(): void {
    this.#hash = this.#fresh()
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}
