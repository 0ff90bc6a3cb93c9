// The settings of an instance: what each means, how it is written in a form, and what a form changed.

import type { Input, Output } from '../../../../src/program/routes.ts'

export type Instance = Output<'listInstances'>[number]
type Settings = NonNullable<Input<'setInstance'>['body']>
export type SettingName = Exclude<keyof Settings, 'ibmApiKey'>

export interface SettingField {
  readonly label: string
  readonly help: string
  readonly kind: 'text' | 'number' | readonly (readonly [value: string, text: string])[]
  /** Only a token for all instances may change it. */
  readonly server?: boolean
}

export const settingFields: Readonly<Record<SettingName, SettingField>> = {
  name: { label: 'Name', kind: 'text', help: 'What people call it. Clients do not see it.' },
  cacheSeconds: {
    label: 'Memory, in seconds',
    kind: 'number',
    help: 'How long opened keys are served from memory after the root key last answered. Shorter means that a revoked root key stops its keys sooner, and that the root key is asked more often.',
  },
  outageSeconds: {
    label: 'Outage, in seconds',
    kind: 'number',
    help: 'How much longer keys are served from memory while the root key cannot be reached; 0: no longer.',
  },
  expiredGraceDays: {
    label: 'Grace for expired certificates, in days',
    kind: 'number',
    help: 'How long the pinned certificate of a client is still accepted after its expiry. A vCenter whose certificate was not renewed goes on for that time.',
  },
  destroyDelaySeconds: {
    label: 'Destroy delay, in seconds',
    kind: 'number',
    help: 'How long a destroyed key can be brought back; 0: not at all. Keys that wait already keep their time. Only where the database has the keys.',
  },
  objectsMax: {
    label: 'Limit of keys',
    kind: 'number',
    server: true,
    help: 'How many keys and other objects it may hold. Destroyed ones count while they can be brought back.',
  },
  bytesMax: {
    label: 'Limit of bytes',
    kind: 'number',
    server: true,
    help: 'How many bytes its objects may take in the database, records of destroyed ones included.',
  },
  portable: {
    label: 'Export of keys',
    kind: [
      ['false', 'never'],
      ['true', 'may be exported'],
    ],
    help: 'Whether a manager may ever take its keys out of this server.',
  },
  names: {
    label: 'Names',
    kind: [
      ['unique', 'each belongs to one object'],
      ['shared', 'several objects may share one'],
    ],
    help: 'vSphere gives no names. Some other clients expect that they may share one.',
  },
  lengths: {
    label: 'Lengths of registered keys',
    kind: [
      ['strict', 'a key has the length that it states'],
      ['as-sent', 'as the client sends them'],
    ],
    help: 'Strict refuses a key whose length is not what its client says.',
  },
  legacyWrap: {
    label: 'Keys wrapped by RSA PKCS #1 v1.5',
    kind: [
      ['false', 'never'],
      ['true', 'where a client asks for it'],
    ],
    help: "For clients without OAEP, such as the default profile of IBM's zkey. Only under a public key that a client registered.",
  },
  restrictions: {
    label: 'Sensitive and Extractable',
    kind: [
      ['one-way', 'no client takes them back'],
      ['as-sent', 'clients change them as they like'],
    ],
    help: 'One way: what was made Sensitive stays so, and what was made not Extractable too, whatever a client asks. The command mortise instance restrictions says which keys and clients that concerns.',
  },
}

export const settingNames = Object.keys(settingFields) as SettingName[]

export type Written = Readonly<Record<SettingName, string>>

export function written(instance: Instance): Written {
  return Object.fromEntries(settingNames.map((name) => [name, String(instance[name])])) as Written
}

/** The body of the change; undefined: nothing changed. */
export function changedSettings(before: Instance, after: Written): Settings | undefined {
  const old = written(before)
  const changed = settingNames.filter((name) => after[name].trim() !== old[name])
  if (changed.length === 0) return undefined
  return Object.fromEntries(changed.map((name) => [name, valueOf(name, after[name].trim())])) as Settings
}

function valueOf(name: SettingName, text: string): string | number | boolean {
  if (name === 'portable' || name === 'legacyWrap') return text === 'true'
  return settingFields[name].kind === 'number' ? Number(text) : text
}

/** 90061 becomes `1 day 1 hour`: the two largest units, since nobody plans by the second. */
export function duration(seconds: number): string {
  if (seconds < 60) return many(seconds, 'second')
  const units = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
    ['second', 1],
  ] as const
  let left = seconds
  const parts: string[] = []
  for (const [unit, length] of units) {
    const count = Math.floor(left / length)
    left -= count * length
    if (count > 0) parts.push(many(count, unit))
  }
  return parts.slice(0, 2).join(' ')
}

function many(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

const byteUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${byteUnits[unit] ?? ''}`
}
