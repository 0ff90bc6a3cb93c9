// Finds out which service a port has, by the first bytes that it answers: KMIP, HTTP, or something else. vCenter's first message
// comes first. A service that does not answer it gets a request of HTTP on another connection.

import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { addressText, type Address } from '../../base/kmip-address.ts'
import { connectionCode, connectionTrouble } from '../../outside/kmip-client/errors.ts'
import type { ClientTls } from '../../outside/kmip-client/tls.ts'
import { discoverVersions } from './messages.ts'

export type Service =
  | { readonly kind: 'kmip' | 'http' }
  /** `begins`: the first bytes of its answer. */
  | { readonly kind: 'other'; readonly begins: Buffer }
  /** The service ended the connection without an answer, or did not answer in time. */
  | { readonly kind: 'closed' | 'silent'; readonly what: string; readonly code?: string | undefined }

type Open = () => Socket

/** A connection that recognizes no server: nothing secret goes over it. */
export function overTls({ ip, host, port }: Address, { context }: ClientTls): Open {
  const servername = isIP(host) === 0 ? { servername: host } : {}
  return () =>
    connectTls({ host: ip ?? host, port, secureContext: context, rejectUnauthorized: false, ...servername })
}

export function overTcp({ ip, host, port }: Address): Open {
  return () => connectTcp({ host: ip ?? host, port })
}

/** `waitMs`: how long an answer may take. */
export async function serviceAt(address: Address, open: Open, waitMs: number): Promise<Service> {
  const first = await answerTo(open, discoverVersions(true).bytes, waitMs)
  // A service that wants a client certificate says so in an alert.
  if (first.kind !== 'closed' && first.kind !== 'silent') return first
  if (first.code?.startsWith('ERR_SSL_') === true) return first
  const request = `GET / HTTP/1.1\r\nHost: ${addressText(address)}\r\nConnection: close\r\n\r\n`
  const second = await answerTo(open, Buffer.from(request), Math.min(waitMs, httpWaitMs))
  return second.kind === 'http' || second.kind === 'other' ? second : first
}

/** HTTP answers its own requests soon. */
const httpWaitMs = 3_000
/** Enough to know a message of KMIP, and to show the first words of a text. */
const beginBytes = 80

function answerTo(open: Open, request: Buffer, waitMs: number): Promise<Service> {
  return new Promise((resolve) => {
    const socket = open()
    let begins: Buffer = Buffer.alloc(0)
    const done = (service: Service): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(begins.length > 0 ? known(begins) : service)
    }
    const timer = setTimeout(
      () => done({ kind: 'silent', what: `no answer within ${waitMs / 1000} s` }),
      waitMs,
    )
    socket.on('data', (chunk: Buffer) => {
      begins = Buffer.concat([begins, chunk]).subarray(0, beginBytes)
      if (begins.length >= responseTag.length) done(known(begins))
    })
    socket.on('error', (error) => {
      const code = connectionCode(error)
      done({ kind: 'closed', what: connectionTrouble(error, code), code })
    })
    socket.on('close', () => done({ kind: 'closed', what: 'the server ended the connection' }))
    socket.write(request)
  })
}

/** The tag of a Response Message, and that it is a structure (KMIP 1.4 §9.1.1). */
const responseTag = Buffer.from('42007b01', 'hex')

function known(begins: Buffer): Service {
  if (begins.subarray(0, responseTag.length).equals(responseTag)) return { kind: 'kmip' }
  return begins.subarray(0, 5).toString('latin1') === 'HTTP/' ? { kind: 'http' } : { kind: 'other', begins }
}

/** The first line of a text, or bytes in hexadecimal digits. */
export function beginningText(begins: Buffer): string {
  const [line = ''] = begins.toString('latin1').split(/\r?\n/)
  return /^[\x20-\x7e]{2,}$/.test(line) ? `"${line}"` : `the bytes ${begins.subarray(0, 8).toString('hex')}`
}
