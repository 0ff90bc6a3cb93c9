// file: root keys: the contract, and what is special to a file: how it is made, what its passphrase does, and what
// an administrator is told when something is wrong with it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { writeRootKeyFile } from '../../../src/outside/rootkey/file-format.ts'
import { inspectRootKeyFile, openFileRootKey } from '../../../src/outside/rootkey/file.ts'
import { checkRootKey, openRootKey } from '../../../src/outside/rootkey/open.ts'
import { reaches, rootKeyContract } from '../../support/root-keys/rootkey-contract.ts'
import { sealedFileId, sealedFilePassphrase, writeSealedFile } from '../../support/root-keys/sealed-file.ts'

const root = await mkdtemp(path.join(tmpdir(), 'mortise-rootkey-'))
after(() => rm(root, { recursive: true }))

let folders = 0
async function newFolder(): Promise<string> {
  const folder = path.join(root, `${folders++}`)
  await mkdir(folder)
  return folder
}

const uri = 'file:root.key'
const place = Buffer.from('place')

const [contractFolder, otherFolder] = [await newFolder(), await newFolder()]
const contractFile = path.join(contractFolder, 'root.key')
rootKeyContract('file', {
  open: () => openRootKey(uri, { dataFolder: contractFolder, create: true }),
  openOther: () => openRootKey(uri, { dataFolder: otherFolder, create: true }),
  takeAway: () => putAside(contractFile),
  async swap() {
    const bringBack = await putAside(contractFile)
    await copyFile(path.join(otherFolder, 'root.key'), contractFile)
    return bringBack
  },
  runs: 200,
})

async function putAside(file: string): Promise<() => Promise<void>> {
  await rename(file, `${file}.aside`)
  return () => rename(`${file}.aside`, file)
}

test('a new file is for its owner alone, complete, and without leftovers', async () => {
  const dataFolder = await newFolder()
  const key = await openFileRootKey({ uri, dataFolder, create: true })
  assert.equal(key.created, true)
  assert.deepEqual(key.warnings, [])
  assert.equal((await stat(key.path)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(dataFolder), ['root.key'])
  const text = await readFile(key.path, 'utf8')
  assert.match(text, /^mortise-root-key 1\nnote: .*\nid: [0-9a-f]{32}\nkey: [0-9a-f]{64}\n$/)
  assert.ok(text.includes(key.id))
})

test('a file that is there is never written to, also not by a start that may create', async () => {
  const dataFolder = await newFolder()
  const first = await openFileRootKey({ uri, dataFolder, create: true })
  const before = await readFile(first.path)
  const again = await openFileRootKey({ uri, dataFolder, create: true })
  assert.equal(again.created, false)
  assert.equal(again.id, first.id)
  assert.deepEqual(await readFile(first.path), before)

  await writeFile(first.path, 'something else\n')
  const damaged = openFileRootKey({ uri, dataFolder, create: true })
  await assert.rejects(damaged, reaches('unreachable', /not a root key file/))
  assert.equal(await readFile(first.path, 'utf8'), 'something else\n')
})

test('of many that create at the same moment one wins, and all have its key', async () => {
  const dataFolder = await newFolder()
  const keys = await Promise.all(
    Array.from({ length: 8 }, () => openFileRootKey({ uri, dataFolder, create: true })),
  )
  assert.equal(new Set(keys.map(({ id }) => id)).size, 1)
  assert.equal(keys.filter(({ created }) => created).length, 1)
  assert.deepEqual(await readdir(dataFolder), ['root.key'])
})

test('without leave to create, a missing file is told with its path, and not made', async () => {
  const dataFolder = await newFolder()
  const opening = openFileRootKey({ uri, dataFolder, create: false })
  await assert.rejects(opening, reaches('unreachable', /no root key at .*root\.key.*Bring the file/))
  assert.deepEqual(await readdir(dataFolder), [])
  const nowhere = openFileRootKey({ uri: 'file:no/such/folder/root.key', dataFolder, create: true })
  await assert.rejects(nowhere, reaches('unreachable', /folder does not exist/))
})

test('killed at any moment, the process that creates leaves no file or a whole one', async () => {
  const folder = await newFolder()
  const module = pathToFileURL(path.resolve(import.meta.dirname, '../../../src/outside/rootkey/file.ts')).href
  const script = `
    import { mkdirSync } from 'node:fs'
    const { openFileRootKey } = await import(${JSON.stringify(module)})
    for (let i = 0; ; i++) {
      const dataFolder = process.argv[1] + '/' + i
      mkdirSync(dataFolder, { recursive: true })
      await openFileRootKey({ uri: 'file:root.key', dataFolder, create: true })
      if (i === 0) process.stdout.write('going')
    }`
  let whole = 0
  for (let round = 0; round < 6; round++) {
    const mine = path.join(folder, `${round}`)
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, mine], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    await once(child.stdout, 'data')
    await wait(randomInt(20))
    child.kill('SIGKILL')
    await exit
    for (const name of await readdir(mine)) {
      const dataFolder = path.join(mine, name)
      if (!(await readdir(dataFolder)).includes('root.key')) continue
      await openFileRootKey({ uri, dataFolder, create: false })
      whole++
    }
  }
  assert.ok(whole >= 6, `only ${whole} files were made`)
})

test('what a killed start left behind goes with the next creation, what another is making now stays', async () => {
  const dataFolder = await newFolder()
  const old = path.join(dataFolder, '.root.key.0011223344556677.new')
  const fresh = path.join(dataFolder, '.root.key.8899aabbccddeeff.new')
  await writeFile(old, '')
  await writeFile(fresh, '')
  const hoursAgo = new Date(Date.now() - 2 * 3600_000)
  await utimes(old, hoursAgo, hoursAgo)
  await openFileRootKey({ uri, dataFolder, create: true })
  assert.deepEqual((await readdir(dataFolder)).toSorted(), [path.basename(fresh), 'root.key'])
})

test('cut off at any length or with any one character changed, the file is refused as damaged', async () => {
  const dataFolder = await newFolder()
  const key = await openFileRootKey({ uri, dataFolder, create: true })
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  const content = await readFile(key.path)
  const noteAt = content.indexOf('note: ')
  const idAt = content.indexOf('id: ')
  for (let length = 0; length < content.length - 1; length++) {
    await writeFile(key.path, content.subarray(0, length))
    await assert.rejects(openFileRootKey({ uri, dataFolder, create: false }), reaches('unreachable'))
  }
  for (let at = 0; at < content.length - 1; at += at < idAt ? 7 : 1) {
    if (at >= noteAt && at < idAt) continue
    const changed = Buffer.from(content)
    changed[at] = content[at] === 0x31 ? 0x32 : 0x31
    await writeFile(key.path, changed)
    await assert.rejects(
      openFileRootKey({ uri, dataFolder, create: false }),
      reaches('unreachable'),
      `byte ${at}`,
    )
    await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable'))
  }
  await writeFile(key.path, content.toString().replaceAll('\n', '\r\n'))
  assert.equal((await openFileRootKey({ uri, dataFolder, create: false })).id, key.id)
})

test('a new file under a passphrase: the file alone opens nothing, with it everything', async () => {
  const dataFolder = await newFolder()
  const passphrase = Buffer.from('correct horse battery staple\n')
  const key = await openFileRootKey({ uri, dataFolder, passphrase, create: true })
  const wrapped = await key.wrap(Buffer.from('secret'), place)
  assert.match(
    await readFile(key.path, 'utf8'),
    /\nkdf: scrypt n=131072 r=8 p=1 salt=[0-9a-f]{32}\nsealed: [0-9a-f]{120}\n$/,
  )
  // Editors and `printf` disagree about the line end behind it.
  const bare = Buffer.from('correct horse battery staple')
  const again = await openFileRootKey({ uri, dataFolder, passphrase: bare, create: false })
  assert.equal(again.id, key.id)
  assert.deepEqual(Buffer.from(await again.unwrap(wrapped, place)), Buffer.from('secret'))
})

test('a wrong passphrase, none and an empty one are told, and the file stays', async () => {
  const dataFolder = await newFolder()
  const file = path.join(dataFolder, 'root.key')
  await writeSealedFile(file)
  const before = await readFile(file)
  const wrong = openFileRootKey({ uri, dataFolder, passphrase: Buffer.from('Correct horse'), create: true })
  await assert.rejects(
    wrong,
    reaches('root-key', /passphrase .*MORTISE_ROOT_PASSPHRASE_FILE.* does not open/),
  )
  const missing = openFileRootKey({ uri, dataFolder, create: true })
  await assert.rejects(
    missing,
    reaches('root-key', /protected by a passphrase: set MORTISE_ROOT_PASSPHRASE_FILE/),
  )
  const empty = openFileRootKey({ uri, dataFolder, passphrase: Buffer.from('\n'), create: true })
  await assert.rejects(empty, reaches('root-key', /MORTISE_ROOT_PASSPHRASE_FILE.* is empty/))
  assert.deepEqual(await readFile(file), before)
  const passphrase = Buffer.from(sealedFilePassphrase)
  assert.equal((await openFileRootKey({ uri, dataFolder, passphrase, create: true })).id, sealedFileId)
})

test('a passphrase that you cannot type again makes no file, and opens one that has it', async () => {
  const dataFolder = await newFolder()
  const uri = 'file:untypeable.key'
  const long = sealedFilePassphrase
  for (const bytes of [
    Buffer.from(`\ufeff${long}\n`),
    Buffer.from(`\ufeff${long}\r\n`, 'utf16le'),
    Buffer.from(`correct horse\nbattery staple\n`),
    Buffer.from(`${long}\xe4`, 'latin1'),
  ])
    await assert.rejects(
      openFileRootKey({ uri, dataFolder, passphrase: bytes, create: true }),
      reaches('root-key', /you cannot type again .* without a byte order mark$/),
    )
  await writeSealedFile(path.join(dataFolder, 'untypeable.key'))
  const passphrase = Buffer.from(`${long}\n\n`)
  assert.equal((await openFileRootKey({ uri, dataFolder, passphrase, create: true })).id, sealedFileId)
  const marked = Buffer.from(`\ufeff${long}`)
  const key = Buffer.alloc(32, 7)
  await writeFile(path.join(dataFolder, 'marked.key'), await writeRootKeyFile(key, marked, 'scrypt'), {
    mode: 0o600,
  })
  await openFileRootKey({ uri: 'file:marked.key', dataFolder, passphrase: marked, create: false })
})

test('a short passphrase makes no file unless that is confirmed, and is warned about where there is one', async () => {
  // Characters, not bytes: of these eleven, six are of two bytes or more.
  for (const short of ['~', 'elf Zeichen', '\u00e4\u00f6\u00fc\u{1f511}\u6f22\u5b57 abcd']) {
    const dataFolder = await newFolder()
    const passphrase = Buffer.from(`${short}\n`)
    const refused = openFileRootKey({ uri, dataFolder, passphrase, create: true })
    await assert.rejects(
      refused,
      reaches('root-key', /fewer than 12 characters.*MORTISE_ACCEPT_SHORT_PASSPHRASE/),
    )
    assert.deepEqual(await readdir(dataFolder), [])
  }
  const dataFolder = await newFolder()
  const short = '\u00e4\u00f6\u00fc\u{1f511}\u6f22\u5b57 abcd'
  const shortly = { uri, dataFolder, passphrase: Buffer.from(`${short}\n`), create: true }
  const made = await openFileRootKey({ ...shortly, acceptShortPassphrase: true })
  assert.deepEqual([made.created, made.warnings], [true, []])
  const opened = await openFileRootKey(shortly)
  assert.equal(opened.id, made.id, 'one that is there is opened')
  assert.match(opened.warnings.join(), /fewer than 12 characters/)
  assert.equal(opened.warnings.join().includes(short), false)

  const passphrase = Buffer.from('zw\u00f6lf Zeichen')
  const longer = await openFileRootKey({ uri, dataFolder: await newFolder(), passphrase, create: true })
  assert.deepEqual(longer.warnings, [])
})

test('a passphrase for a file that has none is an error, not ignored', async () => {
  const dataFolder = await newFolder()
  await openFileRootKey({ uri, dataFolder, create: true })
  const opening = openFileRootKey({ uri, dataFolder, passphrase: Buffer.from('needless'), create: true })
  await assert.rejects(
    opening,
    reaches('root-key', /MORTISE_ROOT_PASSPHRASE_FILE is set, but .* not protected/),
  )
})

test('parameters of the passphrase that would take all memory, or none, are refused before they are used', async () => {
  const dataFolder = await newFolder()
  const file = path.join(dataFolder, 'root.key')
  await writeSealedFile(file)
  const text = await readFile(file, 'utf8')
  const passphrase = Buffer.from(sealedFilePassphrase)
  for (const parameters of ['n=524288 r=8 p=1', 'n=16384 r=8 p=1', 'n=32768 r=9 p=1', 'n=32769 r=8 p=1']) {
    await writeFile(file, text.replace('n=32768 r=8 p=1', parameters))
    const opening = openFileRootKey({ uri, dataFolder, passphrase, create: false })
    await assert.rejects(opening, reaches('unreachable', /damaged/), parameters)
  }
})

test('a file of this user that others may read becomes its own alone, and one warning says so', async () => {
  const dataFolder = await newFolder()
  const { path: file } = await openFileRootKey({ uri, dataFolder, create: true })
  for (const mode of [0o640, 0o604, 0o666, 0o777]) {
    await chmod(file, mode)
    const opened = await openFileRootKey({ uri, dataFolder, create: false })
    assert.match(opened.warnings.join(), new RegExp(`could read or change .*mode 0${mode.toString(8)}`))
    assert.deepEqual((await openFileRootKey({ uri, dataFolder, create: false })).warnings, [])
    assert.equal((await stat(file)).mode & 0o777, 0o600)
  }
})

test('what is no root key file keeps its mode: the path may be mistyped', async () => {
  const dataFolder = await newFolder()
  for (const name of ['hosts', 'folder']) {
    const place = path.join(dataFolder, name)
    await (name === 'folder' ? mkdir(place) : writeFile(place, '127.0.0.1 localhost\n'))
    await chmod(place, 0o755)
    await assert.rejects(
      openFileRootKey({ uri: `file:${name}`, dataFolder, create: false }),
      /not a file|no root key/,
    )
    assert.equal((await stat(place)).mode & 0o777, 0o755, name)
  }
})

test('a root key file that is new to the server is refused while others may read it', async () => {
  const dataFolder = await newFolder()
  const { path: file } = await openFileRootKey({ uri, dataFolder, create: true })
  await chmod(file, 0o640)
  const checking = () => checkRootKey(uri, { dataFolder, create: false })
  await assert.rejects(checking(), reaches('root-key', /mode 0640.*no secret any more/))
  assert.equal((await stat(file)).mode & 0o777, 0o640, 'nothing was changed')
  await chmod(file, 0o600)
  assert.deepEqual((await checking()).warnings, [])
})

test('a look at a file says what it is, or why it gives no root key', async () => {
  const dataFolder = await newFolder()
  const { path: file, id } = await openFileRootKey({ uri, dataFolder, create: true })
  const found = { uri, path: file, hasPassphrase: false }
  assert.deepEqual(await inspectRootKeyFile(uri, dataFolder), { ...found, problem: null, id, mode: 0o600 })
  await chmod(file, 0o640)
  assert.equal((await inspectRootKeyFile(uri, dataFolder)).mode, 0o640)
  await rm(file)
  const gone = await inspectRootKeyFile(uri, dataFolder)
  assert.deepEqual([gone.id, gone.mode], [null, null])
  assert.match(gone.problem ?? '', /there is no root key at .*root\.key/)
})

test('a folder, a pipe or a huge file in its place is refused at once', async () => {
  const dataFolder = await newFolder()
  const file = path.join(dataFolder, 'root.key')
  await mkdir(file)
  await assert.rejects(
    openFileRootKey({ uri, dataFolder, create: true }),
    reaches('unreachable', /not a file/),
  )
  await rm(file, { recursive: true })
  await writeFile(file, Buffer.alloc(1_000_000))
  await assert.rejects(
    openFileRootKey({ uri, dataFolder, create: true }),
    reaches('unreachable', /too large/),
  )
  await rm(file)
  await once(spawn(path.join('/usr/bin', 'mkfifo'), [file]), 'exit')
  await assert.rejects(
    openFileRootKey({ uri, dataFolder, create: true }),
    reaches('unreachable', /not a file/),
  )
})

test('URIs: relative to the data folder, absolute, encoded, through a link; nothing else', async () => {
  const dataFolder = await newFolder()
  const made = await openRootKey('file:my%20root.key', { dataFolder, create: true })
  const file = path.join(dataFolder, 'my root.key')
  await symlink(file, path.join(dataFolder, 'link.key'))
  const encoded = pathToFileURL(file).href
  for (const same of [encoded, encoded.replace('file://', 'file:'), 'file:./my%20root.key', 'file:link.key'])
    assert.equal((await openRootKey(same, { dataFolder, create: false })).id, made.id, same)
  for (const bad of [
    'file:',
    'file://',
    'file://host/root.key',
    'file:root.key?mode=1',
    'file:%zz',
    'file:a%00b',
  ])
    await assert.rejects(
      openRootKey(bad, { dataFolder, create: true }),
      reaches('root-key', /does not name a file/),
      bad,
    )
  for (const bad of ['root.key', '', 'https://example.test/key'])
    await assert.rejects(
      openRootKey(bad, { dataFolder, create: true }),
      reaches('root-key', /not the URI/),
      bad,
    )
  await assert.rejects(
    openRootKey('pkcs11:token=t;object=o', { dataFolder, create: true }),
    reaches('root-key', /cannot be used here/),
  )
})
