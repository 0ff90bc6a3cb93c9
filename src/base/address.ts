// Spells the address of a peer in one way, and names its subnet: the group of addresses that shares turns and
// connections. Addresses decide nothing about trust; the certificate alone does.

/** The address without its IPv4-mapped prefix and zone: `::ffff:10.0.0.1` and `::ffff:a00:1` are `10.0.0.1`. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address) ?? []
  if (high !== undefined && low !== undefined)
    return [high, low]
      .map((group) => Number.parseInt(group, 16))
      .flatMap((group) => [group >> 8, group & 255])
      .join('.')
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}

/** Turns are shared per IPv4 address, or per IPv6 /64, since one machine usually owns a whole /64. */
export function subnetOf(plain: string): string {
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const middle: string[] =
    tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  const groups = [...left, ...middle, ...right].slice(0, 4)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
