// Headers of the PROXY protocol, version 2, as a load balancer sends them: written by hand from the specification, without
// the server's own code.

export interface HeaderOptions {
  /** The client's address; left out: the load balancer speaks for itself (LOCAL). */
  readonly from?: string
  readonly port?: number
  /** Type-length-value entries after the addresses. */
  readonly tlvs?: Buffer
}

export function proxyHeader({ from, port = 40_000, tlvs = Buffer.alloc(0) }: HeaderOptions = {}): Buffer {
  const body = from === undefined ? tlvs : Buffer.concat([addressesOf(from, port), tlvs])
  const family = from === undefined ? 0x00 : from.includes(':') ? 0x21 : 0x11
  return rawHeader(from === undefined ? 0x20 : 0x21, family, body)
}

/** With any version and command, family and protocol, and any bytes after them. */
export function rawHeader(versionAndCommand: number, family: number, body: Buffer): Buffer {
  const fixed = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex')
  fixed[12] = versionAndCommand
  fixed[13] = family
  fixed.writeUInt16BE(body.length, 14)
  return Buffer.concat([fixed, body])
}

/** One TLV of the type that each application may use as it likes. */
export function tlv(bytes: number): Buffer {
  const entry = Buffer.alloc(3 + bytes, 7)
  entry[0] = 0xe0
  entry.writeUInt16BE(bytes, 1)
  return entry
}

/** From the client to a server, both with their ports. */
function addressesOf(from: string, port: number): Buffer {
  const ports = Buffer.from([port >> 8, port & 255, 0x16, 0x40])
  if (!from.includes(':')) return Buffer.concat([ipv4(from), ipv4('192.0.2.1'), ports])
  return Buffer.concat([ipv6(from), ipv6('2001:db8::1'), ports])
}

function ipv4(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number))
}

function ipv6(text: string): Buffer {
  const [left = [], right = []] = text
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''))
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
