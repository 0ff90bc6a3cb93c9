// The container image: the C and C++ libraries, base files and time zones of Debian, Node.js, and Mortise from its npm package, in one
// layer. An archive that `docker load` and `podman load` take, in the format of `docker save`, since images in OCI's own have no health
// check. The same commit with the same packages of Debian gives the same bytes.
//
// Needs root and Debian's mmdebstrap. Debian's packages are unpacked and not configured, so no program of them runs while it is built.

import { createHash } from 'node:crypto'
import {
  chmodSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { debianComponents, debianFormat, debianSources } from './debian-components.ts'
import { fetchPackage, nodePackage, version } from './production.ts'
import { run, sha256OfFile } from './run.ts'
import { sbom } from './sbom.ts'

const suite = 'trixie'
const packages = 'base-files,libc6,libstdc++6,libgcc-s1,tzdata'
/** What these packages bring for shells and services is of no use in an image without either. */
const needless = ['var/lib/apt', 'var/cache', 'etc/init.d', 'etc/skel', 'root']
const user = '10001:10001'
const nodes = { amd64: 'x64', arm64: 'arm64' } as const

export type ImageArchitecture = keyof typeof nodes

const imageFile = (architecture: ImageArchitecture) => `mortise_${version}_${architecture}_image.tar`

export interface ImageOptions {
  readonly architecture: ImageArchitecture
  readonly target: string
  /** Temporary. */
  readonly work: string
  /** Seconds since 1970. */
  readonly epoch: number
  /** The npm package. */
  readonly tarball: string
}

export async function buildImage({
  architecture,
  target,
  work,
  epoch,
  tarball,
}: ImageOptions): Promise<void> {
  const folder = path.join(work, `image-${architecture}`)
  const archive = path.join(folder, 'archive')
  mkdirSync(archive, { recursive: true })
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch), TZ: 'UTC', LC_ALL: 'C.UTF-8' }
  const steps = { cwd: folder, env }
  const installed = await makeSystem(folder, architecture, tarball, steps)
  const file = path.join(target, imageFile(architecture))
  const cpu = nodes[architecture]
  writeFileSync(`${file}.cdx.json`, sbom([cpu], { hsms: false, others: debianComponents(installed) }))
  writeFileSync(`${file}.sources.txt`, debianSources(installed))

  const layer = path.join(archive, 'layer.tar')
  const pack = (...words: readonly string[]) =>
    run('tar', ['--sort=name', '--numeric-owner', `--mtime=@${epoch}`, '--format=gnu', ...words], steps)
  const tree = path.join(folder, 'rootfs')
  await pack('--owner=0', '--group=0', '--directory', tree, '--create', '--file', layer, '.')
  // Unpacked with its owner: the folder of the volume belongs to the user of the image.
  mkdirSync(path.join(tree, 'var/lib/mortise'))
  chmodSync(path.join(tree, 'var/lib/mortise'), 0o700)
  await pack(
    '--owner=10001',
    '--group=10001',
    '--directory',
    tree,
    '--append',
    '--file',
    layer,
    './var/lib/mortise',
  )

  const created = new Date(epoch * 1000).toISOString()
  const config = JSON.stringify(imageConfig(architecture, created, await sha256OfFile(layer)))
  const name = `${createHash('sha256').update(config).digest('hex')}.json`
  writeFileSync(path.join(archive, name), config)
  // The layer is compressed and the archive is not: Podman 4 takes no compressed archive.
  await pipeline(createReadStream(layer), createGzip({ level: 9 }), createWriteStream(`${layer}.gz`))
  rmSync(layer)
  const manifest = [{ Config: name, RepoTags: [`localhost/mortise:${version}`], Layers: ['layer.tar.gz'] }]
  writeFileSync(path.join(archive, 'manifest.json'), JSON.stringify(manifest))
  const members = [name, 'layer.tar.gz', 'manifest.json']
  const plain = ['--owner=0', '--group=0', '--mode=0644', '--directory', archive]
  await pack(...plain, '--create', '--file', file, ...members)
  rmSync(folder, { recursive: true })
}

/** What Docker and Podman run, and with which rights. */
function imageConfig(architecture: ImageArchitecture, created: string, layerSha256: string): object {
  const seconds = 1_000_000_000
  return {
    architecture,
    os: 'linux',
    created,
    config: {
      User: user,
      // A folder within the volume: it keeps its owner and mode where the volume's own are somebody else's.
      Env: ['MORTISE_DATA=/var/lib/mortise/data', 'PATH=/usr/bin'],
      ExposedPorts: { '5696/tcp': {}, '5697/tcp': {} },
      Volumes: { '/var/lib/mortise': {} },
      Entrypoint: ['/usr/bin/mortise'],
      Cmd: ['serve'],
      StopSignal: 'SIGTERM',
      Healthcheck: {
        Test: ['CMD', '/usr/bin/mortise', 'health'],
        Interval: 30 * seconds,
        Timeout: 10 * seconds,
        StartPeriod: 30 * seconds,
      },
      Labels: {
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': 'Apache-2.0',
      },
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerSha256}`] },
    history: [{ created, created_by: 'npm run package -- image' }],
  }
}

/** Runs a program under one umask, on which the modes of the folders that it makes depend. */
function alike(
  program: string,
  args: readonly string[],
  options: Parameters<typeof run>[2],
): Promise<string> {
  return run('sh', ['-c', 'umask 022 && exec "$0" "$@"', program, ...args], options)
}

/** Fills `rootfs`. Returns what debian-components.ts reads: a line for each package of Debian. */
async function makeSystem(
  folder: string,
  architecture: ImageArchitecture,
  tarball: string,
  steps: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const tree = path.join(folder, 'rootfs')
  const listed = path.join(folder, 'debian')
  const base = path.join(folder, 'base.tar')
  const hook = `for deb in "$1"/var/cache/apt/archives/*.deb; do dpkg-deb --show --showformat='${debianFormat}' "$deb"; done > '${listed}'`
  await alike(
    'mmdebstrap',
    [
      '--mode=root',
      '--variant=extract',
      `--architectures=${architecture}`,
      `--include=${packages}`,
      '--dpkgopt=path-exclude=/usr/share/doc/*',
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      '--dpkgopt=path-exclude=/usr/share/locale/*',
      '--dpkgopt=path-exclude=/usr/share/man/*',
      `--extract-hook=${hook}`,
      '--quiet',
      suite,
      base,
    ],
    steps,
  )
  mkdirSync(path.join(tree, 'usr/lib/mortise'), { recursive: true })
  await run('tar', ['--directory', tree, '--extract', '--same-permissions', '--file', base], steps)
  for (const name of needless) rmSync(path.join(tree, name), { recursive: true, force: true })
  const program = path.join(tree, 'usr/lib/mortise')
  await alike(
    'tar',
    [
      '--directory',
      program,
      '--strip-components=1',
      '--no-same-owner',
      '--same-permissions',
      '--extract',
      '--gzip',
      '--file',
      tarball,
    ],
    steps,
  )
  const put = (name: string, text: string, mode: number) => {
    writeFileSync(path.join(tree, name), text)
    chmodSync(path.join(tree, name), mode)
  }
  const node = await fetchPackage(nodePackage(nodes[architecture]), folder)
  const bin = ['--directory', path.join(tree, 'usr/bin'), '--strip-components=2', '--no-same-owner']
  await run('tar', [...bin, '--extract', '--gzip', '--file', node, 'package/bin/node'], steps)
  chmodSync(path.join(tree, 'usr/bin/node'), 0o755)
  // There is no env(1) that could find Node.js.
  put('usr/bin/mortise', "#!/usr/bin/node\nimport('/usr/lib/mortise/bin/mortise.js')\n", 0o755)
  const account = `mortise:x:${user}:Mortise:/var/lib/mortise:/nonexistent`
  put('etc/passwd', `root:x:0:0:root:/:/nonexistent\n${account}\n`, 0o644)
  put('etc/group', 'root:x:0:\nmortise:x:10001:\n', 0o644)
  mkdirSync(path.join(tree, 'tmp'), { recursive: true })
  chmodSync(path.join(tree, 'tmp'), 0o1777)
  for (const name of ['usr/lib/mortise', 'usr/lib', 'usr', '.']) chmodSync(path.join(tree, name), 0o755)
  return readFileSync(listed, 'utf8')
}
