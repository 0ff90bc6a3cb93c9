// How long the console's pages take among many keys and entries: `node bench/console.ts [KEYS] [FOLDER]` (100,000; a folder is kept
// and used again). A real server, filled over KMIP, and Debian's Chromium. For each act: until its result is drawn, and the longest
// time in which the page did nothing else.

import { mkdirSync, readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { firstToken, launchBrowser, openPage, type ConsolePage } from '../test/support/clients/browser.ts'
import { machineName, makeManyKeys } from '../test/support/server/many-keys.ts'
import { startServer, type TestServer } from '../test/support/server/server.ts'
import { markdownRow, writePart } from './results.ts'

const keys = Number(process.argv[2] ?? 100_000)
const data = process.argv[3]
const patienceMs = 300_000
const msPerTick = 10
const rows: string[] = []

async function fill(server: TestServer): Promise<void> {
  const { objects } = (await server.json('instance', 'show', 'default')) as {
    readonly objects: Readonly<Record<string, number>>
  }
  const there = Object.values(objects).reduce((sum, count) => sum + count, 0)
  if (there < keys) await makeManyKeys(server, await server.issue(`vcenter-${there}`), keys - there)
}

/** Processor time of the server so far, which other load of the machine does not change. */
function serverCpuMs(): number {
  const [, rest = ''] = readFileSync(`/proc/${server.process.pid}/stat`, 'utf8').split(') ')
  const [user, system] = rest.split(' ').slice(11, 13)
  return (Number(user) + Number(system)) * msPerTick
}

async function measure(page: Page, what: string, act: () => Promise<unknown>): Promise<void> {
  await page.evaluate('globalThis.longTasks = []')
  const [beganMs, beganCpuMs] = [performance.now(), serverCpuMs()]
  await act()
  const tookMs = performance.now() - beganMs
  const cpuMs = serverCpuMs() - beganCpuMs
  const longestMs = Number(await page.evaluate('Math.max(0, ...(globalThis.longTasks ?? []))'))
  rows.push(markdownRow(what, (tookMs / 1000).toFixed(2), (cpuMs / 1000).toFixed(2), longestMs.toFixed(0)))
  process.stderr.write(
    `${what}: ${tookMs.toFixed(0)} ms, server ${cpuMs.toFixed(0)} ms, longest task ${longestMs.toFixed(0)} ms\n`,
  )
}

async function measureKeys(console: ConsolePage): Promise<void> {
  const { page } = console
  const result = (text: string | RegExp) => page.getByText(text).first().waitFor()
  const search = (text: string) => page.getByLabel('Machine, name or identifier').fill(text)
  const middle = machineName(Math.floor(keys / 2))
  await measure(page, 'keys: the page, by its address', async () => {
    await console.open('/keys')
    await result('100 keys so far')
  })
  await measure(page, `keys: the next hundred`, async () => {
    await page.getByRole('button', { name: 'Show more' }).click()
    await result('200 keys so far')
  })
  await measure(page, 'keys: searched by a machine, to the end of the list', async () => {
    await search(middle.toUpperCase())
    await page.waitForURL(/contains=MACHINE/)
    await result(/^(One key|\d+ keys), newest first/)
  })
  await measure(page, 'keys: searched by what no key has', async () => {
    await search('no-such-machine')
    await page.waitForURL(/contains=no-such/)
    await result('No key fits.')
  })
  await measure(page, 'keys: state Compromised, which none is in', async () => {
    await console.open('/keys?state=Compromised')
    await result('No key fits.')
  })
  await measure(page, 'keys: created more than a year ago, which none is', async () => {
    await console.open('/keys?age=created-old-365')
    await result('No key fits.')
  })
  await measure(page, 'keys: not fetched for 90 days, which all are', async () => {
    await console.open('/keys?age=not-fetched-90')
    await result('100 keys so far')
  })
  await measure(page, 'keys: fetched within 7 days, which none was', async () => {
    await console.open('/keys?age=fetched-7')
    await result('No key fits.')
  })
  const [newest] = (await server.json('key', 'list', '--limit', '1')) as readonly { readonly id: string }[]
  await measure(page, 'one key, with its history', async () => {
    await console.open(`/keys/default/${newest?.id ?? ''}`)
    await page.locator('.time-line li').first().waitFor()
  })
}

async function measureAudit(console: ConsolePage, server: TestServer): Promise<void> {
  const { page } = console
  const result = (text: string | RegExp) => page.getByText(text).first().waitFor()
  await measure(page, 'audit: the page, by its address', async () => {
    await console.open('/audit')
    await result('100 entries so far')
  })
  await measure(page, 'audit: filtered by an action that is rare', async () => {
    await page.getByLabel('What', { exact: true }).selectOption('client.trust')
    await result(/^(One|\d+) entr(y|ies), newest first/)
  })
  await measure(page, 'audit: filtered by the name of a machine', async () => {
    await console.open(`/audit?objectName=${machineName(Math.floor(keys / 3))}`)
    await result(/^(One entry|\d+ entries), newest first/)
  })
  await measure(page, 'audit: filtered by an address that nobody had', async () => {
    await console.open('/audit?address=192.0.2.99')
    await result('No entry fits.')
  })
  await console.open('/audit?action=token.create')
  await result(/newest first|No entry fits/)
  await page.getByLabel('Follow').check()
  const shown = await page.locator('tbody tr').count()
  await server.json('token', 'create', '--role', 'viewer', '--name', `followed-${Date.now()}`)
  await measure(page, 'audit: followed, from a new entry until it shows', () =>
    page.locator('tbody tr').nth(shown).waitFor(),
  )
  await console.open('/audit')
  await result('100 entries so far')
  for (const button of ['Save these as CSV', 'Save these as JSON', 'Save the whole log, to be proved'])
    await measure(page, `audit: ${button}, all entries`, async () => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: button }).click(),
      ])
      await download.saveAs(path.join(data ?? server.data, 'saved'))
    })
  const log = readFileSync(path.join(data ?? server.data, 'saved'))
  const checkpoint = log
    .toString()
    .trimEnd()
    .split('\n')
    .findLast((line) => line.startsWith('{"checkpoint"'))
  await console.open('/audit/prove')
  await page.getByLabel('The exported log').setInputFiles(path.join(data ?? server.data, 'saved'))
  await page.getByLabel('The checkpoint that you kept').fill(checkpoint ?? '')
  await measure(page, `audit: the whole log proved in the browser`, async () => {
    await page.getByRole('button', { name: 'Prove it' }).click()
    await result('The log is whole')
  })
}

if (data !== undefined) mkdirSync(data, { recursive: true })
await using server = await startServer(data === undefined ? {} : { data })
await fill(server)
await using browser = await launchBrowser()
await using console = await openPage(browser, server)
const { page } = console
page.setDefaultTimeout(patienceMs)
await page.addInitScript(`globalThis.longTasks = []
new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration) })
  .observe({ type: 'longtask' })`)
await console.open('/')
await console.logIn(firstToken(server))
await page.getByRole('heading', { name: 'Overview' }).waitFor()
await measure(page, 'overview, by its address', async () => {
  await console.open('/')
  await page.getByRole('heading', { name: 'Instances' }).waitFor()
})
await measureKeys(console)
await measureAudit(console, server)
const head = ['act', 'drawn after s', 'processor of the server s', 'longest task of the page ms']
const [busy = 0] = loadavg()
writePart(
  'The console among many keys',
  `
Written by \`node bench/console.ts ${keys}\` on ${new Date().toISOString().slice(0, 10)}: a real server on SQLite with ${keys} keys and as many audit entries, and Chromium on the same machine, with ${availableParallelism()} processors and a load of ${busy.toFixed(0)}.

${markdownRow(...head)}
${markdownRow('---', '--:', '--:', '--:')}
${rows.join('\n')}
`,
)
