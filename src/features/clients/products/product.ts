// The needs of a product that speaks KMIP, as one line of the table in table.ts. docs/clients.md, `client products` and
// `client issue --for` read it.

import type { Allow } from '../../../core/trust/allow.ts'
import type { Instance } from '../../../core/trust/rows.ts'

/** The server and the client's files, as the product's settings name them. */
export interface ClientPlace {
  readonly host: string
  readonly port: string
  /** Both of them, as HOST:PORT. */
  readonly address: string
  readonly certificate: string
  readonly key: string
  readonly ca: string
}

export interface Product {
  readonly title: string
  /** The versions of KMIP that it sends. */
  readonly kmip: string
  /** The operations that its client may request. */
  readonly allow: Allow
  /** The rules that its instance must have. Left out: any. */
  readonly rules?: ProductRules
  /** The settings of the product, by its own names for them. Left out: the usual fields of a form. */
  readonly settings?: (place: ClientPlace) => readonly (readonly [string, string])[]
  /** The proof that it works: a run or a replay, and when. */
  readonly tried: string
  /** The rest that its administrator does or knows; Markdown. */
  readonly notes?: string
  /** The page that describes it in place of docs/clients.md. */
  readonly page?: string
}

/** The settings of an instance that may stop a product. */
export type ProductRules = Pick<Instance, 'names' | 'lengths' | 'legacyWrap'>

type RuleName = keyof ProductRules

const rules = {
  names: { flag: '--names', otherwise: 'unique' },
  lengths: { flag: '--lengths', otherwise: 'strict' },
  legacyWrap: { flag: '--legacy-wrap', otherwise: false },
} as const satisfies Record<RuleName, { readonly flag: string; readonly otherwise: string | boolean }>

/** The flags that set what the product needs: `--names shared`. Empty: any instance will do. */
export function ruleFlags(needed: ProductRules | undefined): string {
  return Object.entries(needed ?? {})
    .map(([rule, value]) => `${rules[rule as RuleName].flag} ${value === true ? 'yes' : String(value)}`)
    .join(' ')
}

/** The part of the needed rules that the instance does not have. */
export function missingRules(needed: ProductRules | undefined, instance: ProductRules): ProductRules {
  const missing = Object.entries(needed ?? {}).filter(
    ([rule, value]) => (instance[rule as RuleName] ?? rules[rule as RuleName].otherwise) !== value,
  )
  return Object.fromEntries(missing)
}

/** The fields of the product, and what to paste into each. */
export function settingsOf({ settings = usualSettings }: Product, place: ClientPlace) {
  return settings(place)
}

function usualSettings({
  host,
  port,
  certificate,
  key,
  ca,
}: ClientPlace): readonly (readonly [string, string])[] {
  return [
    ['KMIP server', host],
    ['Port', port],
    ['Client certificate', certificate],
    ['Private key', key],
    ['CA certificate', ca],
  ]
}
