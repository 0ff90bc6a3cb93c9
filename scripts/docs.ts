// `npm run docs`: writes every printed page of docs/. A page is written beside its place and moved there when it is
// whole, so that a failure leaves the old one.

import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { printedPages } from './printed-pages.ts'

const root = path.resolve(import.meta.dirname, '..')
for (const [page, print] of Object.entries(printedPages)) {
  const file = path.join(root, page)
  writeFileSync(`${file}.new`, await print())
  renameSync(`${file}.new`, file)
  process.stdout.write(`${page}\n`)
}
