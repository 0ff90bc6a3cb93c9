// `mortise client products`, and the flag --for of the commands that trust a client: what a product may ask for, and what to
// paste into it.

import { addressText, parseAddress } from '../../../base/kmip-address.ts'
import type { AdminClient } from '../../../doors/http/client.ts'
import { allowOf, verb } from '../../../doors/cli/command.ts'
import { facts, plain, table } from '../../../doors/cli/text/output.ts'
import { UsageError } from '../../../doors/cli/world.ts'
import { certificateRoutes } from '../../certificates/routes.ts'
import { statusRoutes } from '../../status/routes.ts'
import { ruleFlags, settingsOf, type ClientPlace, type Product } from '../products/product.ts'
import { isProduct, productNames, productOf, unknownProduct, type ProductName } from '../products/table.ts'

export const productFlag = [
  '--for <product>',
  'the product that the client is: it may ask for what that needs (mortise client products lists them)',
] as const

/** The rights of a new client, as the flags state them. UsageError for an unknown product, and for both flags. */
export function rightsOf({ for: product, allow }: { readonly for?: string; readonly allow?: string }): {
  product?: ProductName
  allow?: string[]
} {
  if (product === undefined) return allowOf({ ...(allow !== undefined && { allow }) })
  const name = productNamed(product)
  if (allow !== undefined)
    throw new UsageError(
      `--for ${name} says what the client may ask for (${productOf(name).allow.join(',')}): leave out --for or --allow`,
    )
  return { product: name }
}

export function productNamed(text: string): ProductName {
  const name = text.toLowerCase()
  if (isProduct(name)) return name
  throw new UsageError(unknownProduct(text))
}

type Files = Pick<ClientPlace, 'certificate' | 'key' | 'ca'>

/** The files of a client that did not get them from Mortise. */
export const ownFiles: Files = {
  certificate: "the client's certificate",
  key: 'its private key',
  ca: "admin-ca.pem in the server's data folder",
}

/** Says what to paste where, for a product whose client is trusted now. */
export async function pasteText(admin: AdminClient, name: ProductName, files: Files): Promise<string> {
  const product = productOf(name)
  return `\nNow in ${product.title}:\n${settingsText(product, { ...(await whereServed(admin)), ...files })}`
}

/** Where clients reach the server: where it listens, or by the first name of its certificate where it listens everywhere. */
async function whereServed(admin: AdminClient): Promise<Omit<ClientPlace, keyof Files>> {
  const { kmip } = await admin.call(statusRoutes.status)
  const at = parseAddress(kmip) ?? { host: kmip, port: 5696 }
  const isEverywhere = at.host === '::' || at.host === '0.0.0.0'
  const { names } = await admin.call(certificateRoutes.showServerCertificate)
  const host = isEverywhere ? (names[0] ?? at.host) : at.host
  return { host, port: String(at.port), address: addressText({ host, port: at.port }) }
}

function settingsText(product: Product, place: ClientPlace): string {
  return settingsOf(product, place)
    .map(([what, value]) => plain`  ${what}: ${value}\n`)
    .join('')
}

const examplePlace: ClientPlace = {
  host: 'HOST',
  port: '5696',
  address: 'HOST:5696',
  certificate: 'DIR/client.pem',
  key: 'DIR/client.key',
  ca: 'DIR/ca.pem',
}

export const productsCommand = verb({
  words: 'products [product]',
  summary: 'products that speak KMIP, and what each needs here; with its name, what to paste into one',
  examples: ['client products', 'client products rook', 'client products --json'],
  offline: true,
  action: ({ show }, _options, word?: string) => {
    if (word === undefined) show(productNames.map(shownProduct), listText)
    else {
      const shown = shownProduct(productNamed(word))
      show(shown, () => oneText(shown))
    }
    return Promise.resolve()
  },
})

function shownProduct(name: ProductName) {
  const product = productOf(name)
  const { title, kmip, allow, rules = {}, tried } = product
  const settings = settingsOf(product, examplePlace).map(([setting, value]) => ({ setting, value }))
  return { product: name, title, kmip, allow: [...allow], instance: rules, tried, settings }
}

function listText(): string {
  const rows = productNames.map((name) => {
    const { title, kmip, allow, rules } = productOf(name)
    return [name, title.replaceAll('`', ''), kmip, ruleFlags(rules), allow.join(',')]
  })
  return table(['--FOR', 'PRODUCT', 'KMIP', 'INSTANCE', 'MAY ASK FOR'], rows)
}

function oneText({ product: name, title, kmip, allow, tried }: ReturnType<typeof shownProduct>): string {
  const product = productOf(name)
  const flags = ruleFlags(product.rules)
  const about = facts([
    ['Product', title.replaceAll('`', '')],
    ['KMIP', kmip],
    ['Tried', tried],
    ['Instance', flags === '' ? 'any' : `mortise instance set NAME ${flags}`],
    ['May ask for', allow.join(',')],
  ])
  return `${about}\nmortise client issue --for ${name} --instance I --name N --out DIR, and then in the product:\n${settingsText(product, examplePlace)}`
}
