// `npm run docs`: writes each printed page of docs/ that differs from what is printed now, and names it. A page is written beside its place and moved there when it is
// whole, so that a failure leaves the old one.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { printedPages } from './printed-pages.ts'

const root = path.resolve(import.meta.dirname, '..')
for (const [page, print] of Object.entries(printedPages)) {
  const file = path.join(root, page)
  const text = await print()
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
  process.stdout.write(`${page} changed\n`)
}
