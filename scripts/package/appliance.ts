// The appliance for VMware: Debian's root file system with our Debian package, a kernel and systemd-boot, on a disk with a partition for
// the firmware and one for the system; the appliance makes the one for the keys itself, at its first start. Then an OVF that describes the
// machine, a manifest, and one archive of all. packaging/appliance/ has what is ours: the files, the questions, the OVF.
//
// Needs root (for chroot) and Debian's mmdebstrap; no loop device and no mount. Programs that write disks come from the appliance's own Debian,
// in a root file system of their own, so that the bytes do not depend on the machine on which this runs.

import {
  chmodSync,
  closeSync,
  cpSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { debianComponents, debianFormat, debianSources } from './debian-components.ts'
import { version } from './production.ts'
import { root, run, sha256OfFile } from './run.ts'
import { sbom } from './sbom.ts'

const sources = path.join(root, 'packaging/appliance')
const suite = 'trixie'
const packages = {
  start: 'linux-image-amd64 initramfs-tools zstd systemd-sysv systemd-boot systemd-repart udev dbus kmod',
  network: 'systemd-resolved systemd-timesyncd netbase open-vm-tools',
  administrator:
    'openssh-server login iproute2 iputils-ping less nano bash-completion ca-certificates dosfstools',
  // What our package needs, and the partition for its keys.
  server: 'adduser debconf libstdc++6 e2fsprogs',
}

// The last reads archives for mke2fs.
const diskPrograms = 'dosfstools mtools fdisk qemu-utils e2fsprogs libarchive13t64'

const mebibyte = 1 << 20
const sectorBytes = 512
const diskGibibytes = 20
/** In MiB, each from its beginning to its end. The keys' own partition takes the rest, at the first start. */
const boot = { from: 1, to: 513 }
const system = { from: 513, to: 6657 }
// Each image has the same: they name places within one machine.
const ids = {
  disk: '6d6f7274-6973-4001-8000-000000000001',
  boot: '6d6f7274-6973-4001-8000-000000000002',
  system: '6d6f7274-6973-4001-8000-000000000003',
  fileSystem: '6d6f7274-6973-4001-8000-000000000004',
  fat: '6d6f7274',
}

export interface ApplianceOptions {
  readonly target: string
  /** Temporary. */
  readonly work: string
  /** Seconds since 1970. */
  readonly epoch: number
  /** Our package for amd64. */
  readonly deb: string
}

export async function buildAppliance({ target, work, epoch, deb }: ApplianceOptions): Promise<void> {
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch), TZ: 'UTC', LC_ALL: 'C.UTF-8' }
  const steps = { cwd: work, env }
  const tree = path.join(work, 'system')
  await makeSystem(tree, deb, steps)
  const installed = await run('dpkg-query', [`--root=${tree}`, '-W', '-f', debianFormat], steps)
  const name = `mortise_${version}_amd64`
  writeFileSync(
    path.join(target, `${name}.ova.cdx.json`),
    sbom(['x64'], { hsms: true, others: debianComponents(installed) }),
  )
  writeFileSync(path.join(target, `${name}.ova.sources.txt`), debianSources(installed))

  const workshop = await openWorkshop(steps)
  const disk = path.join(workshop.folder, 'disk.raw')
  await partition(workshop, disk)
  await fillBoot(workshop, tree, disk, epoch)
  await fillSystem(workshop, tree, disk, epoch)
  rmSync(tree, { recursive: true })
  const vmdk = `${name}-disk1.vmdk`
  const how = ['-O', 'vmdk', '-o', 'adapter_type=lsilogic,subformat=streamOptimized,compat6']
  await workshop.run('qemu-img', ['convert', '-f', 'raw', ...how, 'disk.raw', vmdk])
  renameSync(path.join(workshop.folder, vmdk), path.join(work, vmdk))
  nameContent(path.join(work, vmdk))
  const populated = statSync(disk).blocks * 512
  rmSync(workshop.root, { recursive: true })

  writeFileSync(path.join(work, `${name}.ovf`), describe(path.join(work, vmdk), populated))
  const described = [`${name}.ovf`, vmdk]
  const lines = await Promise.all(
    described.map(async (file) => `SHA256(${file})= ${await sha256OfFile(path.join(work, file))}\n`),
  )
  writeFileSync(path.join(work, `${name}.mf`), lines.join(''))
  // DSP0243 wants the OVF first, then the manifest, then the files in the order in which the OVF names them.
  const members = [`${name}.ovf`, `${name}.mf`, vmdk]
  for (const member of members) {
    chmodSync(path.join(work, member), 0o644)
    utimesSync(path.join(work, member), epoch, epoch)
  }
  const owner = ['--format=ustar', '--owner=root:0', '--group=root:0', '--numeric-owner']
  await run('tar', [...owner, '--create', '--file', path.join(target, `${name}.ova`), ...members], steps)
  for (const member of members) rmSync(path.join(work, member))
}

interface Steps {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** A folder with everything, owners and modes included; what goes to the partition of the firmware is in boot/efi. */
async function makeSystem(tree: string, deb: string, steps: Steps): Promise<void> {
  const files = path.join(steps.cwd, 'files')
  cpSync(path.join(sources, 'files'), files, { recursive: true })
  cpSync(path.join(sources, 'setup'), path.join(files, 'usr/lib/mortise-appliance/setup'), {
    recursive: true,
  })
  const executable = new Set(['usr/sbin/mortise-setup', 'usr/lib/mortise-appliance/console'])
  for (const name of readdirSync(files, { recursive: true, encoding: 'utf8' })) {
    const folder = lstatSync(path.join(files, name)).isDirectory()
    chmodSync(path.join(files, name), folder || executable.has(name) ? 0o755 : 0o644)
  }
  chmodSync(files, 0o755)
  const hook = path.join(sources, 'customize.sh')
  const args = [
    '--mode=root',
    '--variant=minbase',
    '--quiet',
    `--include=${Object.values(packages).join(' ')}`,
    // Before the packages: the kernel's scripts read them.
    `--setup-hook=cp -R --no-preserve=ownership '${files}/.' "$1"`,
    `--customize-hook=sh '${hook}' "$1" '${deb}'`,
    suite,
    tree,
  ]
  await bootstrap(args, steps)
}

async function bootstrap(args: readonly string[], steps: Steps): Promise<void> {
  // In namespaces of its own, which end with it: however this is ended, it goes too, and nothing stays mounted below the folder.
  const alone = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
  await run('setpriv', ['--pdeathsig', 'KILL', ...alone, 'mmdebstrap', ...args], steps)
}

/** Where disks are written, by programs of the appliance's Debian. */
interface Workshop {
  /** Its root file system. */
  readonly root: string
  /** The folder in it in which its programs run. */
  readonly folder: string
  run(program: string, args: readonly string[]): Promise<void>
}

async function openWorkshop(steps: Steps): Promise<Workshop> {
  const tools = path.join(steps.cwd, 'tools')
  const args = ['--mode=root', '--variant=essential', '--quiet', `--include=${diskPrograms}`, suite, tools]
  await bootstrap(args, steps)
  const folder = path.join(tools, 'disk')
  mkdirSync(folder)
  return {
    root: tools,
    folder,
    async run(program, args) {
      await run('chroot', [tools, 'env', '-C', '/disk', program, ...args], steps)
    },
  }
}

async function partition(workshop: Workshop, disk: string): Promise<void> {
  writeFileSync(disk, '')
  truncateSync(disk, diskGibibytes * 1024 * mebibyte)
  const line = (part: typeof boot, kind: string, id: string, name: string) =>
    `start=${part.from}MiB, size=${part.to - part.from}MiB, type=${kind}, uuid=${id}, name=${name}\n`
  const table = [
    `label: gpt\nlabel-id: ${ids.disk}\n`,
    line(boot, 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', ids.boot, 'mortise-esp'),
    line(system, '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709', ids.system, 'mortise-root'),
  ]
  writeFileSync(path.join(workshop.folder, 'partitions'), table.join(''))
  await workshop.run('sh', ['-c', 'sfdisk --quiet --no-reread --no-tell-kernel disk.raw < partitions'])
}

/** systemd-boot lies where firmware looks for it that knows nothing of this disk. */
async function fillBoot(workshop: Workshop, tree: string, disk: string, epoch: number): Promise<void> {
  const from = path.join(workshop.folder, 'efi')
  renameSync(path.join(tree, 'boot/efi'), from)
  const loader = readFileSync(path.join(tree, 'usr/lib/systemd/boot/efi/systemd-bootx64.efi.signed'))
  for (const name of ['EFI/BOOT/BOOTX64.EFI', 'EFI/systemd/systemd-bootx64.efi']) {
    mkdirSync(path.dirname(path.join(from, name)), { recursive: true })
    writeFileSync(path.join(from, name), loader)
  }
  for (const name of [...readdirSync(from, { recursive: true, encoding: 'utf8' }), '.'])
    utimesSync(path.join(from, name), epoch, epoch)
  const image = path.join(workshop.folder, 'boot.img')
  writeFileSync(image, '')
  truncateSync(image, (boot.to - boot.from) * mebibyte)
  // Not mformat, whose FAT32 firmware made from EDK II does not take, VMware's too.
  await workshop.run('mkfs.vfat', ['-F', '32', '--invariant', '-n', 'MORTISE', '-i', ids.fat, 'boot.img'])
  const entries = readdirSync(from).toSorted()
  await workshop.run('mcopy', ['-i', 'boot.img', '-s', '-m', ...entries.map((name) => `efi/${name}`), '::'])
  await put(image, disk, boot.from)
  rmSync(from, { recursive: true })
  mkdirSync(path.join(tree, 'boot/efi'), { mode: 0o755 })
}

async function fillSystem(workshop: Workshop, tree: string, disk: string, epoch: number): Promise<void> {
  for (const name of ['boot/efi', 'boot']) utimesSync(path.join(tree, name), epoch, epoch)
  const image = path.join(workshop.folder, 'system.img')
  const tar = path.join(workshop.folder, 'system.tar')
  // Sorted, so that the places of the files do not depend on the file system on which this runs. In GNU's format names are bytes, whatever
  // they mean; what it leaves out, extended attributes, only lets others than root use ping.
  const same = ['--sort=name', '--numeric-owner', '--format=gnu', `--mtime=@${epoch}`, '--clamp-mtime']
  await run('tar', [...same, '--create', '--file', tar, '--directory', tree, '.'], { cwd: workshop.folder })
  const options = [
    '-t',
    'ext4',
    '-q',
    '-L',
    'mortise-root',
    '-U',
    ids.fileSystem,
    '-m',
    '1',
    '-d',
    'system.tar',
  ]
  const extended = ['-E', `hash_seed=${ids.fileSystem},lazy_itable_init=0,lazy_journal_init=0`]
  await workshop.run('mke2fs', [...options, ...extended, 'system.img', `${system.to - system.from}M`])
  rmSync(tar)
  await put(image, disk, system.from)
}

/** Into the disk at that MiB; zeroes stay holes. */
async function put(image: string, disk: string, at: number): Promise<void> {
  const args = [`if=${image}`, `of=${disk}`, 'bs=1M', `seek=${at}`, 'conv=notrunc,sparse', 'status=none']
  await run('dd', args, { cwd: path.dirname(image) })
  rmSync(image)
}

function nameContent(vmdk: string): void {
  const file = openSync(vmdk, 'r+')
  try {
    const head = Buffer.alloc(64 << 10)
    readSync(file, head, 0, head.length, 0)
    writeSync(file, withContentId(head), 0, head.length, 0)
  } finally {
    closeSync(file)
  }
}

/**
 * The beginning of a VMDK with our content identifier: qemu-img gives each disk a random one, written without leading zeroes. Ours is fixed,
 * since the disk has no parent to compare it with. Zeroes follow the text, so that it may become longer; behind the first of them
 * qemu-img may leave the end of a longer text. Offsets: VMDK 5.0, "Hosted Sparse Extent".
 */
export function withContentId(beginning: Buffer): Buffer {
  const head = Buffer.from(beginning)
  const from = sectorBytes * Number(head.readBigUInt64LE(28))
  const place = head.subarray(from, from + sectorBytes * Number(head.readBigUInt64LE(36)))
  const [text = ''] = place.toString('latin1').split('\0', 1)
  const named = text.replace(/\nCID=[\da-f]{1,8}\n/, `\nCID=${ids.fat}\n`)
  if (!named.includes(`\nCID=${ids.fat}\n`)) throw new Error('the beginning of the VMDK has no CID')
  place.fill(0)
  place.write(named, 'latin1')
  return head
}

function describe(vmdk: string, populated: number): string {
  const values: Readonly<Record<string, string>> = {
    VERSION: version,
    DISK_FILE: path.basename(vmdk),
    DISK_FILE_BYTES: String(statSync(vmdk).size),
    DISK_GIB: String(diskGibibytes),
    POPULATED_BYTES: String(populated),
  }
  const text = readFileSync(path.join(sources, 'mortise.ovf'), 'utf8')
  return text.replaceAll(/@([A-Z_]+)@/g, (_, name: string) => values[name] ?? name)
}
