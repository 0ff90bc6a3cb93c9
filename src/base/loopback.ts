// The hosts that are this machine alone. It looks no name up.

import { isIP } from 'node:net'

/** `host`: a name or an address, also an IPv6 address in brackets as in a URL. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Whether what is sent to this address cannot be read on its way: it is HTTPS, or HTTP that stays on this machine. */
export function isHttpsOrLocal({ protocol, hostname }: Pick<URL, 'protocol' | 'hostname'>): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}
