// What vSphere tells a machine that was deployed from an OVF: the properties, in an XML document that comes over VMware's own channel
// (guestInfo) or on a CD (the ISO transport). A document that says nothing for this machine is as good as none.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const mountPoint = '/run/mortise-setup/cd'
const documentBytesMax = 1 << 20

/** Key and value of each property, or undefined where nobody gave any. */
export function readProperties(): ReadonlyMap<string, string> | undefined {
  for (const read of [fromGuestInfo, fromCd]) {
    const text = read()
    if (text === undefined) continue
    const properties = parseOvfEnvironment(text)
    if (properties.size > 0) return properties
  }
  return undefined
}

/** DSP0243, §9.5. In a vApp the document also has the properties of the other machines, each in an Entity of its own. */
export function parseOvfEnvironment(text: string): ReadonlyMap<string, string> {
  const own = text
    .replaceAll(/<!--[\s\S]*?-->/g, '')
    .replaceAll(/<(?:[\w.-]+:)?Entity\b[\s\S]*?<\/(?:[\w.-]+:)?Entity\s*>/g, '')
  const properties = new Map<string, string>()
  for (const [, attributes = ''] of own.matchAll(
    /<(?:[\w.-]+:)?Property\b((?:\s+[\w.:-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*\/?>/g,
  )) {
    const key = attribute(attributes, 'key')
    if (key !== undefined) properties.set(key, (attribute(attributes, 'value') ?? '').trim())
  }
  return properties
}

function attribute(attributes: string, name: string): string | undefined {
  const found = new RegExp(`\\s(?:[\\w.-]+:)?${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(attributes)
  const value = found?.[1] ?? found?.[2]
  return value === undefined ? undefined : plain(value)
}

function plain(text: string): string {
  const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  return text.replaceAll(
    /&(?:#x([\da-f]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/gi,
    (_, hex, decimal, name) => {
      if (typeof name === 'string') return named[name.toLowerCase()] ?? ''
      const point = typeof hex === 'string' ? Number.parseInt(hex, 16) : Number(decimal)
      return point <= 0x10_ff_ff ? String.fromCodePoint(point) : ''
    },
  )
}

function fromGuestInfo(): string | undefined {
  return output('vmtoolsd', '--cmd', 'info-get guestinfo.ovfEnv')
}

function fromCd(): string | undefined {
  for (const drive of readdirSync('/sys/block').filter((name) => name.startsWith('sr'))) {
    mkdirSync(mountPoint, { recursive: true })
    if (output('mount', '-o', 'ro,nodev,nosuid,noexec', `/dev/${drive}`, mountPoint) === undefined) continue
    try {
      return readFileSync(path.join(mountPoint, 'ovf-env.xml'), 'utf8').slice(0, documentBytesMax)
    } catch {
      // Another CD.
    } finally {
      output('umount', mountPoint)
    }
  }
  return undefined
}

/** Undefined where the program is not there, or fails: outside VMware, without a CD. */
function output(program: string, ...args: readonly string[]): string | undefined {
  try {
    const options = {
      encoding: 'utf8',
      timeout: 30_000,
      maxBuffer: documentBytesMax,
      stdio: ['ignore', 'pipe', 'ignore'],
    }
    return execFileSync(program, args, options as { encoding: 'utf8' })
  } catch {
    return undefined
  }
}
