// A relay between a real client and Mortise that keeps what both said, as XML: what a client stumbled over is in its last answer.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { toText } from '../../../src/wire/kmip/encodings.ts'
import { openAlteringProxy } from '../clients/proxy.ts'
import { testAuthority } from '../certificates/certificates.ts'
import type { ClientFiles } from '../server/server.ts'

export type Recording = readonly { readonly request: string; readonly answer: string }[]

export interface RecordingRelay extends AsyncDisposable {
  readonly port: number
  readonly recording: Recording
  /** The client's files, with the CA of the relay in place of Mortise's. */
  readonly files: ClientFiles
}

export interface RelayedSite {
  readonly host: string
  readonly port: number
  readonly files: ClientFiles
  /** Where the CA's file is put. */
  readonly folder: string
}

/** The relay shows Mortise the client's own certificate. */
export async function openRecordingRelay({
  host,
  port,
  files,
  folder,
}: RelayedSite): Promise<RecordingRelay> {
  const recording: { request: string; answer: string }[] = []
  const relay = await openAlteringProxy({
    target: { host, port },
    tls: files.tls,
    alter: (answer, request) => {
      recording.push({ request: decoded(request), answer: decoded(answer) })
      return answer
    },
  })
  const ca = (await testAuthority()).certificate.pem
  const caFile = path.join(folder, 'relay-ca.pem')
  writeFileSync(caFile, ca)
  return {
    port: relay.port,
    recording,
    files: { ...files, caFile, tls: { ...files.tls, ca } },
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  }
}

function decoded(message: Buffer): string {
  try {
    return toText('xml', message).toString()
  } catch (error) {
    return `${String(error)}: ${message.toString('hex')}`
  }
}
