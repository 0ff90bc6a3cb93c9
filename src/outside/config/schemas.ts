// The values that options may have, as schemas: they turn text into what the server uses, or say what to write instead.

import { isIP } from 'node:net'
import path from 'node:path'
import { z } from 'zod'
import { nearest } from '../../base/text/closest.ts'
import { guardedActs, type GuardedAct } from '../../core/ports/guarded-acts.ts'
import { auditKeepDaysMin } from '../../base/bounds.ts'
import { withoutLogin } from '../../base/text/without-login.ts'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

export function hostAndPort() {
  return z.string().transform((text, context): HostAndPort => {
    const parts = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text)?.groups
    const host = parts?.['six'] ?? parts?.['host'] ?? ''
    const port = Number(parts?.['port'])
    if (parts === undefined || port > 65_535 || (parts['six'] !== undefined && isIP(host) !== 6)) {
      context.addIssue(`"${text}" is not HOST:PORT; write for example 127.0.0.1:5696 or [::]:5696`)
    }
    return { host, port }
  })
}

export function hostAndPortOrNone() {
  const address = hostAndPort()
  return z.union([z.literal('').transform(() => null), address], {
    error: 'is not HOST:PORT; write for example [::]:5698',
  })
}

/** KMIP servers, as people name them to adopt from: HOST or HOST:PORT. */
export function kmipServers() {
  const one = z.string().refine(isServer, {
    error: ({ input }) =>
      `"${String(input)}" is neither HOST nor HOST:PORT; write for example kms.example.com:5696`,
  })
  return z.array(one).max(100)
}

function isServer(text: string): boolean {
  const parts = /^(?:\[(?<six>[^\]]+)\]|[^:[\]\s/]+)(?::(?<port>\d{1,5}))?$/.exec(text)?.groups
  const { six, port = '1' } = parts ?? {}
  if (!parts) return isIP(text) === 6
  return (six === undefined || isIP(six) === 6) && Number(port) >= 1 && Number(port) <= 65_535
}

/** One address, or a subnet: an address and the length of its prefix. */
export function addressOrSubnet() {
  return z.string().transform((text, context): string => {
    const { address = '', prefix } = /^(?<address>[^/%]+)(?:\/(?<prefix>\d{1,3}))?$/.exec(text)?.groups ?? {}
    const version = isIP(address)
    const bits = version === 6 ? 128 : 32
    if (version === 0 || /^::ffff:/i.test(address) || Number(prefix ?? bits) > bits)
      context.addIssue(
        `"${text}" is neither an address nor a subnet; write for example 10.0.0.5, 10.1.0.0/16 or 2001:db8::/64`,
      )
    else if (Number(prefix ?? bits) === 0)
      context.addIssue(`"${text}" lists every address, so that every client could claim any address`)
    return text
  })
}

/** An absolute path, or null for an empty text. */
export function filePath() {
  return z.string().transform((text) => (text === '' ? null : path.resolve(text)))
}

/** Part of a path of a URL, or empty. */
export function plainName(what: string) {
  return z
    .string()
    .max(253)
    .regex(/^[\w.-]*$/, `must be ${what}`)
}

/** Days, or null for an empty text. */
export function keepDays() {
  return z.string().transform((text, context): number | null => {
    if (text === '') return null
    const days = Number(/^(\d{1,5})d$/.exec(text)?.[1] ?? Number.NaN)
    if (!(days >= auditKeepDaysMin))
      context.addIssue(`"${text}" is not a number of days such as 400d, at least ${auditKeepDaysMin}d`)
    return days
  })
}

/** Some of the acts, each once. */
export function guardedActList() {
  const one = z.string().transform((text, context): GuardedAct => {
    const guardedAct = guardedActs.find((act) => act === text)
    if (guardedAct === undefined)
      context.addIssue(
        `"${text}" is no act that can wait for a second person; the nearest is ${nearest(text, guardedActs)}, and all are ${guardedActs.join(', ')}`,
      )
    return guardedAct ?? 'key destroy'
  })
  return z.array(one).transform((acts): readonly GuardedAct[] => [...new Set(acts)])
}

/** An address without path, or null for an empty text. */
export function httpsOrEmpty() {
  return z.string().transform((text, context): string | null => {
    if (text === '') return null
    const url = URL.parse(text)
    if (
      url?.protocol === 'https:' &&
      url.username === '' &&
      url.pathname === '/' &&
      url.search + url.hash === ''
    )
      return url.origin
    context.addIssue('must be an address such as https://host:8200, without a path')
    return null
  })
}

/** Null for an empty text. */
export function tracesUrl() {
  return z.string().transform((text, context): string | null => {
    if (text === '') return null
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '') return text
    context.addIssue(
      `"${withoutLogin(text)}" is no receiver of traces; write for example http://127.0.0.1:4318/v1/traces`,
    )
    return null
  })
}

/** Null for an empty text. OpenID Connect Discovery 1.0 §2: https, without query and fragment. */
export function issuerUrl() {
  return z.string().transform((text, context): string | null => {
    if (text === '') return null
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url?.protocol !== 'https:' || url.username !== '' || /[?#]/.test(text))
      context.addIssue(
        `"${withoutLogin(text)}" is no issuer; write for example https://login.example.com/realms/staff`,
      )
    else if (text.includes('/.well-known/'))
      context.addIssue('name the issuer itself, without /.well-known/openid-configuration')
    return text
  })
}

/** One group and its role, as oidc.roles lists them. */
export interface MappedRole {
  readonly group: string
  readonly role: 'viewer' | 'operator' | 'manager'
  /** Id or name; null: all instances and the server itself. */
  readonly instance: string | null
}

/** A group may have any name, also one with = and @ in it: the last role counts. */
export function mappedRole() {
  return z.string().transform((text, context): MappedRole => {
    const parts = /^(?<group>.+)=(?<role>viewer|operator|manager)(?:@(?<instance>.+))?$/su.exec(text)?.groups
    if (!parts)
      context.addIssue(
        `"${text}" is no GROUP=ROLE or GROUP=ROLE@INSTANCE, where ROLE is viewer, operator or manager`,
      )
    const { group = '', role = 'viewer', instance = null } = parts ?? {}
    return { group, role: role as MappedRole['role'], instance }
  })
}

/** As siem.syslog names a receiver. */
export interface SyslogAddress extends HostAndPort {
  readonly tls: boolean
}

export function syslogPlace() {
  return z.string().transform((text, context): SyslogAddress | null => {
    if (text === '') return null
    const parts = /^(?<scheme>tls|tcp):\/\/(?<place>[^/@?#]+)\/?$/.exec(text)?.groups
    const place = hostAndPort().safeParse(parts?.['place'] ?? '')
    if (place.success && place.data.port > 0) return { ...place.data, tls: parts?.['scheme'] === 'tls' }
    context.addIssue(
      `"${withoutLogin(text)}" is no receiver of syslog; write for example tls://siem.example:6514`,
    )
    return null
  })
}
