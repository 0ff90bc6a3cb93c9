// `npm run old-data`: has this version make a data folder with keys and put it into test/system/old-data, where a test of each later
// version opens it. `-- COMMIT`: a folder of the version of that commit. `-- --postgres`: one on PostgreSQL, with a dump of the
// database. Run it as root, after each new step of the schema. The server runs without a network of its own and under another host name,
// so that nothing of this machine is in the folder. It is killed at the end, as a machine that fails does.

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { misused, argumentsOf } from './arguments.ts'
import { clientCertificate } from '../test/support/certificates/certificates.ts'
import { archives, fill, type OldData } from '../test/support/store/old-data.ts'
import { startPostgres } from '../test/support/postgresql/server.ts'
import { commandOf } from '../test/support/server/rolling.ts'
import { startServer, type StartOptions } from '../test/support/server/server.ts'

type Command = NonNullable<StartOptions['command']>

const usage = 'old-data -- [COMMIT] [--postgres]'
const root = path.resolve(import.meta.dirname, '..')
/** The path of the folder may be in the database, so it says nothing of this machine. */
const folder = '/tmp/mortise-old-data'
const node = 'kms-1.example.com'

const { values, positionals } = argumentsOf(usage, {
  allowPositionals: true,
  options: { postgres: { type: 'boolean' }, inside: { type: 'string' } },
})
const kind = values.postgres === true ? 'postgres' : 'sqlite'
if (values.inside === undefined) outside()
else await inside(JSON.parse(values.inside) as { readonly commit: string | null; readonly command: Command })

/** npm needs the network, so the older version is installed here. */
function outside(): void {
  if (positionals.length > 1) misused(usage, 'one commit only')
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  const [wanted] = positionals
  const commit = wanted === undefined ? null : git('rev-parse', '--short=8', wanted)
  const flags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']
  const own: Command = [process.execPath, ...flags, path.join(root, 'src/program/main.ts')]
  const command = commit === null ? own : commandOf(commit)
  const words = [process.execPath, ...process.execArgv, import.meta.filename]
  const more = [
    '--inside',
    JSON.stringify({ commit, command }),
    ...(values.postgres === true ? ['--postgres'] : []),
  ]
  const begin = `ip link set lo up && hostname ${node} && exec "$0" "$@"`
  const ran = spawnSync('unshare', ['--net', '--uts', 'sh', '-c', begin, ...words, ...more], {
    stdio: 'inherit',
  })
  process.exitCode = ran.status ?? 1
}

async function inside({
  commit,
  command,
}: {
  readonly commit: string | null
  readonly command: Command
}): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const data = path.join(folder, 'data')
  const postgres =
    kind === 'postgres' ? await startPostgres({ skip: () => process.exit(1) }, { fsync: 'off' }) : undefined
  const store = await postgres?.newDatabase()
  const env: Record<string, string> = store === undefined ? {} : { MORTISE_STORE: store, MORTISE_NODE: node }
  const server = await startServer({ data, command, env })
  const call = (...args: string[]) => {
    const ran = spawnSync(command[0], [...command.slice(1), ...args, '--data', data], { encoding: 'utf8' })
    if (ran.status !== 0) throw new Error(`mortise ${args.join(' ')}: ${ran.stderr}`)
    return ran.stdout
  }
  const issue = (instance: string, name: string) => {
    const out = path.join(folder, name)
    const words = ['client', 'issue', '--instance', instance, '--name', name, '--out', out]
    // The first versions know no such flag, and let every client ask for everything.
    if (spawnSync(command[0], [...command.slice(1), ...words, '--allow', 'all', '--data', data]).status !== 0)
      call(...words)
    const read = (file: string) => readFileSync(path.join(out, file), 'utf8')
    const made = { cert: read('client.pem'), key: read('client.key') }
    rmSync(out, { recursive: true })
    return made
  }
  const stranger = await clientCertificate('self-signed')
  const held = await fill(
    { port: server.kmip.port, command: call, issue },
    { ...stranger.tls, sha256: stranger.certificate.sha256 },
  )
  await server.kill()
  const holds: OldData = { commit, ...held }
  writeFileSync(path.join(folder, 'holds.json'), `${JSON.stringify(holds, null, 1)}\n`)
  // The files that a start makes again, as far as the version does.
  for (const name of ['mortise.db.reserve', 'mortise.db.lock', 'mortise.db-shm', 'node.lock', 'backups'])
    rmSync(path.join(data, name), { recursive: true, force: true })
  const schema = postgres && store !== undefined ? await dump(postgres, path.basename(store)) : schemaOf(data)
  await postgres?.stop('immediate')
  const file = path.join(archives, `${kind}-${schema}.tar.gz`)
  const plain = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name']
  execFileSync('tar', ['-czf', file, ...plain, '-C', folder, '.'])
  rmSync(folder, { recursive: true })
  process.stdout.write(
    `${path.relative(root, file)}: schema ${schema}, made by ${commit ?? 'this version'}\n`,
  )
}

/** A look would bring the write-ahead log into the database. */
function schemaOf(data: string): number {
  const copy = `${folder}-copy`
  cpSync(data, copy, { recursive: true })
  const database = new DatabaseSync(path.join(copy, 'mortise.db'))
  const { user_version: version } = database.prepare('PRAGMA user_version').get() ?? {}
  database.close()
  rmSync(copy, { recursive: true })
  return Number(version)
}

type Postgres = NonNullable<Awaited<ReturnType<typeof startPostgres>>>

async function dump(postgres: Postgres, database: string): Promise<number> {
  const text = postgres.dump(database)
  writeFileSync(path.join(folder, 'dump.sql'), text)
  const taken = `SELECT coalesce((to_jsonb(s) ->> 'steps')::bigint, version) AS steps FROM mortise_schema s`
  const { rows } = await postgres.sql(taken, database)
  return Number((rows as { readonly steps: string }[])[0]?.steps)
}
