// The address of a KMIP server: HOST:PORT as people write it. This file resolves no names.

import { isIP } from 'node:net'

export interface Address {
  /** A name or an IP address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** The IP address of the host to connect to. Undefined: the first one that answers. */
  readonly ip?: string
}

/** The registered port of KMIP. */
const kmipPort = 5696

/**
 * Parses `kms.example.com`, `kms.example.com:5696`, `192.0.2.7:5696` and `[2001:db8::7]:5696`. Undefined for anything
 * else. `defaultPort`: the port where the text has none.
 */
export function parseAddress(text: string, defaultPort = kmipPort): Address | undefined {
  const trimmed = text.trim()
  if (isIP(trimmed) === 6) return { host: trimmed, port: defaultPort }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(trimmed) ?? []
  const host = bracketed ?? plain
  const port = digits === undefined ? defaultPort : Number(digits)
  if (host === undefined || port < 1 || port > 65_535) return undefined
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined
  return { host, port }
}

export function addressText({ host, port, ip }: Address): string {
  const text = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return ip === undefined ? text : `${text} at ${ip}`
}
