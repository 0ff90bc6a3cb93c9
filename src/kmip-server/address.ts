// Addresses of peers as text: one spelling for each, and the group that counts as one neighbour when turns and
// places are shared out. Decides nothing about trust: identity is the certificate alone, never the address.

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

/** Who shares a turn: an IPv4 address by itself, an IPv6 address with its /64, which one machine owns whole. */
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
