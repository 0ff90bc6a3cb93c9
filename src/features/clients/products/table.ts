// The table of products that speak KMIP: docs/clients.md is printed from it, and `client issue --for` reads it. A new product is a
// line in storage.ts, databases.ts or libraries.ts, and its tests in test/clients/ take their rights from that line.

import { didYouMean } from '../../../base/text/closest.ts'
import { databases } from './databases.ts'
import { libraries } from './libraries.ts'
import type { Product } from './product.ts'
import { storage } from './storage.ts'

const vcenter = {
  title: 'vCenter, ESXi, vSAN',
  kmip: '1.1',
  allow: ['vsphere'],
  settings: ({ certificate, key }) => [
    ['Make KMS trust vCenter > KMS certificate and private key', `${certificate} and ${key}`],
  ],
  tried: 'its traces, replayed',
  page: 'vcenter.md',
} as const satisfies Product

export const products = { vcenter, ...storage, ...databases, ...libraries } as const

export type ProductName = keyof typeof products
export const productNames = Object.keys(products) as readonly ProductName[] as readonly [
  ProductName,
  ...ProductName[],
]

export function productOf(name: ProductName): Product {
  return products[name]
}

/** The answer to a person who named a product that is not in the table. */
export function unknownProduct(name: string): string {
  return `${name} is no product of the table: it has ${productNames.join(', ')}${didYouMean(name, productNames)}`
}

export function isProduct(name: string): name is ProductName {
  return Object.hasOwn(products, name)
}
