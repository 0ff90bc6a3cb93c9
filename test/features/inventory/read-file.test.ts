// Files that say which machine uses which key: what PowerCLI, govc and spreadsheets write, and mistakes with their lines.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InventoryFileError } from '../../../src/base/records/file-error.ts'
import { readInventoryFile } from '../../../src/features/inventory/read-file.ts'
import type { FileRow } from '../../../src/features/inventory/rows.ts'
import { inventoryRowsMax } from '../../../src/features/inventory/bounds.ts'

async function read(file: string | Uint8Array, stepBytes = 65_536): Promise<FileRow[]> {
  const bytes = Buffer.from(file)
  const parts = (async function* () {
    for (let at = 0; at < bytes.length; at += stepBytes) yield bytes.subarray(at, at + stepBytes)
  })()
  const rows: FileRow[] = []
  for await (const row of readInventoryFile(parts)) rows.push(row)
  return rows
}

const names = (rows: readonly FileRow[]) => rows.map(({ row }) => row?.name)

async function refused(file: string | Uint8Array, line: number | null, says: RegExp): Promise<void> {
  await assert.rejects(read(file), (error) => {
    assert(error instanceof InventoryFileError, String(error))
    assert.match(error.message, says)
    assert.equal(error.line, line, error.message)
    return true
  })
}

const header = 'kind,name,machineId,disk,keyId,provider,vcenter,taken'
const web = {
  line: 2,
  vcenter: 'vc-1',
  takenMs: Date.UTC(2026, 10, 24, 10),
  row: { kind: 'vm', name: 'web-1', machineId: 'vm-7', disk: 'Hard disk 1', key: 'k-1', provider: 'kms' },
}
const webLine = 'vm,web-1,vm-7,Hard disk 1,k-1,kms,vc-1,2026-11-24T10:00:00Z'

test('plain CSV, with every column, in whatever steps it comes', async () => {
  for (const step of [1, 3, 65_536]) assert.deepEqual(await read(`${header}\n${webLine}\n`, step), [web])
  assert.deepEqual(await read(`${header}\r\n${webLine}`), [web])
})

function quoted(line: string, separator: string): string {
  const cells = line.split(',').map((cell) => `"${cell}"`)
  return cells.join(separator)
}

test("PowerShell's Export-Csv: #TYPE, quotes everywhere, UTF-16, byte order marks, semicolons", async () => {
  for (const separator of [',', ';', '\t']) {
    const lines = ['#TYPE x', quoted(header, separator), quoted(webLine, separator), '']
    const whole = lines.join('\r\n')
    const files = [
      Buffer.from(whole),
      Buffer.from(`\ufeff${whole}`),
      Buffer.from(`\ufeff${whole}`, 'utf16le'),
      Buffer.from(whole, 'utf16le'),
      Buffer.from(`\ufeff${whole}`, 'utf16le').swap16(),
    ]
    for (const file of files)
      for (const step of [1, 65_536]) assert.deepEqual(await read(file, step), [{ ...web, line: 3 }])
  }
  assert.deepEqual(names(await read('sep=;\r\nkind;name;keyId\r\nvm;a,b;k\r\n')), ['a,b'])
})

test('names hold separators, quotes, line breaks and letters of all kinds', async () => {
  const file = 'kind,name,keyId\nvm,"a,b",1\nvm,"say ""hi""",2\nvm,"two\nlines",3\nvm,"tür 🔑",4\nvm,last,5'
  const rows = await read(file, 2)
  assert.deepEqual(names(rows), ['a,b', 'say "hi"', 'two\nlines', 'tür 🔑', 'last'])
  assert.deepEqual(
    rows.map(({ line }) => line),
    [2, 3, 4, 6, 7],
  )
})

test('JSON: a list, objects one after the other, or one a line', async () => {
  const objects = [
    { kind: 'VirtualMachine', name: 'web {1}', keyId: 'k', provider: null, more: [{ deep: '}' }] },
    { kind: 'HostSystem', name: 'say \\"}', keyId: 'k', machineId: 7 },
    { kind: 'vSAN-Cluster', name: 'c', keyId: '' },
  ]
  const files = [
    JSON.stringify(objects),
    JSON.stringify(objects, null, 2),
    objects.map((one) => JSON.stringify(one)).join('\n'),
    objects.map((one) => JSON.stringify(one, null, 2)).join('\n'),
    `\ufeff ${JSON.stringify(objects)}`,
  ]
  for (const file of files)
    for (const step of [1, 65_536]) {
      const rows = await read(file, step)
      assert.deepEqual(
        rows.map(({ row }) => row && [row.kind, row.name, row.machineId]),
        [['vm', 'web {1}', ''], ['host', 'say \\"}', '7'], null],
      )
    }
  assert.deepEqual(await read('[]'), [])
})

test('mistakes are told with their line', async () => {
  await refused('', null, /empty/)
  await refused(' \n \n', null, /empty/)
  await refused('kind,name\nvm,a\n', 1, /there is no keyId among: kind, name/)
  await refused('#TYPE x\nname,id\n', 2, /there is no kind/)
  await refused('kind,name,keyId,key\n', 1, /both keyId and key name the keyId/)
  await refused('kind,name,keyId\nvm,a,k\nvm,b\n', 3, /2 cells, and the first line names 3/)
  await refused('kind,name,keyId\nvm,a,b,k\n', 2, /4 cells/)
  await refused(
    'kind,name,keyId\n\nvn,a,k\n',
    3,
    /kind is vm, or host, or vsan-cluster, or disk, not vn; did you mean `vm`/,
  )
  await refused('kind,name,keyId\nvm,"a,k\nvm,b,l\n', 2, /opens a quote that is not closed/)
  await refused('kind,name,keyId\nvm,"a"b,k\n', 2, /behind a closing quote/)
  await refused('#TYPE x\n\nkind,name,keyId\nvm,"a\nb",k\nvm,"c"d,k\n', 6, /behind a closing quote/)
  await refused('kind,name,keyId\nvm,,k\n', 2, /no name of a machine/)
  await refused(`kind,name,keyId\nvm,a,${'k'.repeat(1025)}\n`, 2, /longer than a key identifier/)
  await refused(`kind,name,keyId\nvm,${'a'.repeat(256)},k\n`, 2, /more than 255 characters/)
  await refused(`kind,name,keyId\nvm,${'a'.repeat(20_000)},k\n`, 2, /more than 16384 characters/)
  await refused(`kind,name,keyId\nvm${','.repeat(2_000_000)}\n`, 2, /more than 16384 characters/)
  await refused('kind,name,keyId,taken\nvm,a,k,yesterday\n', 2, /taken is a time/)
  await refused('kind,name,keyId\nvm,a\0,k\n', 2, /NUL/)
  await refused(
    Buffer.from([...Buffer.from('kind,name,keyId\nvm,'), 0xe4, 0x2c, 0x6b]),
    null,
    /line 1 or behind it .*not UTF-8/,
  )
  await refused('[{"kind":"vm","name":"a","keyId":"k"},\n{"kind":"vm"', 2, /ends in the middle/)
  await refused('[{"kind":"vm","name":"a","keyId":"k"}, 7]', 1, /expected an object, and found: 7/)
  await refused('{"kind":"vm","name":"a",\n"keyId":}', 1, /not JSON/)
  await refused('[{"kind":"vm","name":"a","keyId":{"id":"k"}}]', 1, /its keyId is not a text/)
  await refused(
    `[{"kind":"vm","name":"a","keyId":"k","x":"${'y'.repeat(200_000)}"}]`,
    1,
    /more than 16384 characters/,
  )
})

test('a list that was cut off between two of its objects is not taken for a whole one', async () => {
  const list = JSON.stringify(
    [1, 2, 3].map((id) => ({ kind: 'vm', name: 'a', keyId: `k-${id}` })),
    null,
    1,
  )
  assert.equal((await read(`${list}\n`)).length, 3)
  for (const end of [list.lastIndexOf('\n'), list.lastIndexOf('{'), list.indexOf('}') + 1, list.indexOf('{')])
    await refused(
      list.slice(0, end),
      list.slice(0, end).split('\n').length,
      /before its list does: it was cut off/,
    )
})

test('a file has an end: rows are counted, and so are bytes', async () => {
  const line = 'vm,a,k\n'
  const most = `kind,name,keyId\n${line.repeat(inventoryRowsMax)}`
  assert.equal((await read(most)).length, inventoryRowsMax)
  await refused(`${most}vm,b,\n${line}`, inventoryRowsMax + 3, /100000 machines and disks/)
  const endless = (async function* () {
    yield Buffer.from('kind,name,keyId\n')
    for (;;) yield Buffer.from(`vm,${'a'.repeat(1_000)},\n`.repeat(1_000))
  })()
  await assert.rejects(async () => {
    for await (const _ of readInventoryFile(endless));
  }, /more than 64 MiB/)
})

test('a mistake in the first part ends the reading, so that the file is closed', async () => {
  let isClosed = false
  const parts = (async function* () {
    try {
      yield Buffer.from(`${header}\nvm,web-1\n`)
      yield Buffer.from(webLine)
    } finally {
      isClosed = true
    }
  })()
  const rows = readInventoryFile(parts)
  await assert.rejects(async () => {
    for await (const row of rows) assert.fail(`a row: ${JSON.stringify(row)}`)
  }, InventoryFileError)
  assert(isClosed)
})
