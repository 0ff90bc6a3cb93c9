// Reads the header of the PROXY protocol, version 2 (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2). A TCP load
// balancer sends it before the first byte of its client, and states the client's address in it. This file only reads bytes;
// proxied-connections.ts decides from which addresses it accepts a header.

import { SocketAddress } from 'node:net'

/** The address that a connection comes from. */
export interface ProxySource {
  readonly address: string
  readonly port: number
}

/** Why the first bytes of a connection are not a valid header. */
export type HeaderFault = 'missing' | 'version-1' | 'malformed' | 'no-address' | 'too-long'

export type ProxyHeader =
  /** More bytes are needed. */
  | { readonly kind: 'incomplete' }
  /** `bytes`: the length of the header. */
  | { readonly kind: 'client'; readonly source: ProxySource; readonly bytes: number }
  /** The load balancer connects for itself, to check the server's health. */
  | { readonly kind: 'local'; readonly bytes: number }
  | { readonly kind: 'fault'; readonly fault: HeaderFault }

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const firstVersion = Buffer.from('PROXY ', 'latin1')
const fixedBytes = 16
/** By address family and protocol (TCP over IPv4 or IPv6): the length of both addresses with their ports, and of one address. */
const addresses: Readonly<Record<number, { readonly bytes: number; readonly each: 4 | 16 }>> = {
  0x11: { bytes: 12, each: 4 },
  0x21: { bytes: 36, each: 16 },
}

/** Reads a load balancer's header and skips the fields behind its addresses (TLVs). The header with these fields may have `bytesMax` bytes. */
export function readProxyHeader(seen: Buffer, bytesMax: number): ProxyHeader {
  if (!beginsLike(seen, signature)) {
    // A TLS record has another first byte than a header, so the first byte shows that the header is missing.
    return beginsLike(seen, firstVersion) ? laterFault(seen) : { kind: 'fault', fault: 'missing' }
  }
  if (seen.length < fixedBytes) return { kind: 'incomplete' }
  const [version, command] = [seen.readUInt8(12) >> 4, seen.readUInt8(12) & 15]
  const bodyBytes = seen.readUInt16BE(14)
  const bytes = fixedBytes + bodyBytes
  if (version !== 2 || command > 1) return { kind: 'fault', fault: 'malformed' }
  if (bytes > bytesMax) return { kind: 'fault', fault: 'too-long' }
  const layout = addresses[seen.readUInt8(13)]
  if (command === 1 && layout === undefined) return { kind: 'fault', fault: 'no-address' }
  if (command === 1 && layout !== undefined && bodyBytes < layout.bytes)
    return { kind: 'fault', fault: 'malformed' }
  if (seen.length < bytes) return { kind: 'incomplete' }
  if (command === 0 || layout === undefined) return { kind: 'local', bytes }
  const { each } = layout
  const address = addressText(seen.subarray(fixedBytes, fixedBytes + each))
  return { kind: 'client', source: { address, port: seen.readUInt16BE(fixedBytes + 2 * each) }, bytes }
}

/** Whether the bytes that have arrived are the beginning of `text`, or begin with it. */
function beginsLike(seen: Buffer, text: Buffer): boolean {
  const length = Math.min(seen.length, text.length)
  return seen.subarray(0, length).equals(text.subarray(0, length))
}

function laterFault(seen: Buffer): ProxyHeader {
  return seen.length < firstVersion.length ? { kind: 'incomplete' } : { kind: 'fault', fault: 'version-1' }
}

/** The address as Node spells that of a socket. */
function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}
