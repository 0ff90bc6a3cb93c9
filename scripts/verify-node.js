// `npm run verify-node`: compares the Node.js that npm brought (node_modules/node-linux-*/bin/node, the package of a third
// party) with the archive of the same version that nodejs.org publishes. Ends with 0 where they are the same, 1 where
// something is another, 2 where nothing could be compared.
//
//   --from URL|FOLDER   instead of https://nodejs.org/dist: a mirror, or a folder with v24.x.y/SHASUMS256.txt and the archive
//   --modules FOLDER    instead of ./node_modules
//
// Plain JavaScript, run by the Node.js that runs npm, so that the binary in question does not judge itself.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'

/** Nothing could be compared. */
class NotVerified extends Error {}
/** Something is not what nodejs.org publishes. */
class Differs extends Error {}

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: 'https://nodejs.org/dist' },
    modules: { type: 'string', default: 'node_modules' },
  },
})
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-verify-node-'))
try {
  const found = ['x64', 'arm64'].filter((arch) => existsSync(path.join(packageOf(arch), 'package.json')))
  if (found.length === 0)
    say(`npm brought no Node.js into ${values.modules}: there is nothing to verify. Your own runs Mortise.`)
  for (const arch of found) await verify(arch)
} catch (error) {
  process.exitCode = error instanceof Differs ? 1 : 2
  const { message } = error
  process.stderr.write(error instanceof Differs ? `${message}\n` : `Nothing was verified: ${message}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function packageOf(arch) {
  return path.join(values.modules, `node-linux-${arch}`)
}

async function verify(arch) {
  const binary = path.join(packageOf(arch), 'bin', 'node')
  if (realpathSync(binary) === realpathSync(process.execPath))
    throw new NotVerified(
      `${binary} would judge itself. Run this with the Node.js of your machine: node scripts/verify-node.js`,
    )
  const { version } = JSON.parse(readFileSync(path.join(packageOf(arch), 'package.json'), 'utf8'))
  const name = `node-v${version}-linux-${arch}`
  const sums = (await buffer(await open(version, 'SHASUMS256.txt'))).toString()
  const line = sums.split('\n').find((text) => text.endsWith(`  ${name}.tar.gz`))
  if (!line) throw new NotVerified(`SHASUMS256.txt does not name ${name}.tar.gz`)
  const [expected] = line.split(' ')
  const archive = path.join(folder, `${name}.tar.gz`)
  await pipeline(await open(version, `${name}.tar.gz`), createWriteStream(archive))
  const sha256 = await sha256Of(createReadStream(archive))
  if (sha256 !== expected)
    throw new Differs(`${name}.tar.gz has the SHA-256 ${sha256}, and SHASUMS256.txt says ${expected}`)
  const published = await sha256Of(memberOf(archive, `${name}/bin/node`))
  const here = await sha256Of(createReadStream(binary))
  if (here !== published)
    throw new Differs(
      `${binary} is NOT the binary of nodejs.org: it has the SHA-256 ${here}, and the one in ${name}.tar.gz ${published}`,
    )
  say(
    `node-linux-${arch} ${version}: bin/node is the one in ${name}.tar.gz of ${values.from} (SHA-256 ${here})`,
  )
}

/** A file that nodejs.org publishes for a version, as a stream. */
async function open(version, file) {
  const where = `${values.from}/v${version}/${file}`
  try {
    if (!/^https?:/.test(values.from)) {
      const stream = createReadStream(where)
      await new Promise((resolve, reject) => stream.once('open', resolve).once('error', reject))
      return stream
    }
    const response = await fetch(where)
    if (!response.ok) throw new Error(`it answers ${response.status}`)
    // A mirror may redirect, but not to where everybody can answer.
    if (where.startsWith('https:') && !response.url.startsWith('https:'))
      throw new Error('it leads to plain HTTP')
    return Readable.fromWeb(response.body)
  } catch (error) {
    const why = error.cause?.code ?? error.cause?.message ?? error.message
    throw new NotVerified(
      `${where} could not be read (${why}).\nRun this where that can be reached. Or fetch SHASUMS256.txt and the archive ` +
        `node-v${version}-linux-*.tar.gz elsewhere from https://nodejs.org/dist/v${version}/, put both into FOLDER/v${version}/, ` +
        'and run: npm run verify-node -- --from FOLDER',
    )
  }
}

/** The bytes of one file of an archive. */
async function* memberOf(archive, member) {
  const tar = spawn('tar', ['-xzOf', archive, member], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise((resolve) => tar.once('error', resolve).once('close', resolve))
  yield* tar.stdout
  const end = await ended
  if (end instanceof Error) throw new NotVerified(`tar cannot be run (${end.message})`)
  if (end !== 0)
    throw new NotVerified(`the archive has no bin/node that tar could take out (it ended with ${end})`)
}

async function sha256Of(bytes) {
  const hash = createHash('sha256')
  for await (const chunk of bytes) hash.update(chunk)
  return hash.digest('hex')
}

function say(text) {
  process.stdout.write(`${text}\n`)
}
