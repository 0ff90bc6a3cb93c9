// The answerer of the listener over a test's core, without a listener: for those who send many messages. Bytes in, bytes out.

import { Registry } from 'prom-client'
import { versions } from '../../../src/wire/kmip/version.ts'
import { Admission } from '../../../src/doors/admission/admission.ts'
import { createAnswerer, type AnswererOptions } from '../../../src/doors/kmip/answerer.ts'
import { answererMetrics } from '../../../src/doors/kmip/metrics.ts'
import { metricsIn } from '../../../src/outside/telemetry/metric-table.ts'
import type { Peer } from '../../../src/doors/kmip/contract.ts'
import { PkiError } from '../../../src/core/pki/error.ts'
import type { TestIdentity } from '../certificates/certificates.ts'
import type { TestCore } from './core.ts'

const note = () => {}

export interface Answering {
  /** Throws what the server would have logged as an error. */
  readonly answer: (message: Buffer, peer: Peer) => Promise<Buffer>
  /** Returns it instead. */
  readonly answerAndLog: (message: Buffer, peer: Peer) => Promise<{ bytes: Buffer; errors: unknown[] }>
  readonly callbacks: ReturnType<typeof createAnswerer>['callbacks']
  readonly close: () => Promise<void>
}

export function answeringOn(
  core: TestCore & Pick<AnswererOptions, 'fetchUpstream'>,
  signRequest: AnswererOptions['signRequest'] = () => Promise.reject(new PkiError('nothing is signed here')),
): Answering {
  const errors: unknown[] = []
  const answerer = createAnswerer({
    ...core,
    turns: new Admission({ now: () => core.clock.monotonic() }).turns,
    version: '0.0.0-test',
    protocol: { versions: [...versions] },
    log: {
      debug: note,
      info: note,
      warn: note,
      error: (message, fields) => errors.push(fields?.['error'] ?? message),
    },
    matchesCredential: async () => false,
    isKnownHost: () => true,
    signRequest,
    metrics: metricsIn(new Registry(), answererMetrics),
  })
  const exchange = {
    abandoned: new AbortController().signal,
    encoding: 'ttlv',
    host: undefined,
    canReverse: false,
    reserve: () => true,
  } as const
  const answerAndLog: Answering['answerAndLog'] = async (message, peer) => {
    const { bytes } = await answerer.callbacks.answer(message, peer, exchange)
    return { bytes, errors: errors.splice(0) }
  }
  return {
    answerAndLog,
    callbacks: answerer.callbacks,
    answer: async (message, peer) => {
      const answered = await answerAndLog(message, peer)
      const [error] = answered.errors
      if (error !== undefined) throw error
      return answered.bytes
    },
    close: () => answerer.close(),
  }
}

/** A client with this certificate, as the listener tells of it. */
export function peerOf({ certificate: { der, sha256 } }: TestIdentity): Peer {
  const certificate = { der: Buffer.from(der), sha256 }
  const connection = { connectionId: 'c1', address: '192.0.2.7', port: 1 }
  return { ...connection, certificate, tlsVersion: 'TLSv1.3', cipher: 'x', resumed: false }
}
