// A machine of QEMU that runs the appliance, as an administrator has it: with a serial console on which one reads and types, and with its
// ports on loopback. The network goes nowhere else. It computes every instruction (TCG), so that no machine lacks what it needs.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'

export interface MachineOptions {
  /** A temporary folder in which the machine makes its own. */
  readonly folder: string
  /** A disk that is only read: what the machine writes goes elsewhere. */
  readonly disk: { readonly file: string; readonly format: 'vmdk' | 'raw' }
  /** A picture of a CD. */
  readonly cd?: string
  /**
   * Without one, firmware starts what the disk says, from a SATA disk, since Debian's firmware has no driver for VMware's SCSI. With one,
   * QEMU starts it, and the disk is at VMware's SCSI controller.
   */
  readonly kernel?: { readonly image: string; readonly initrd: string; readonly parameters: string }
}

/** Emulated on a busy machine, a minute of the appliance may last ten. */
const waitMs = 30 * 60_000
const firmware = '/usr/share/OVMF'

/** One that runs. Disposed of, it is switched off at once. */
export class Machine implements AsyncDisposable {
  readonly ports: Readonly<Record<'kmip' | 'admin' | 'ssh', number>>
  readonly #folder: string
  readonly #process: ChildProcess
  readonly #gone: Promise<unknown>
  readonly #serial: Socket
  #said = ''
  /** What was said before this place has been expected. */
  #at = 0

  private constructor(folder: string, ports: Machine['ports'], process: ChildProcess, serial: Socket) {
    this.#folder = folder
    this.ports = ports
    this.#process = process
    this.#gone = once(process, 'close')
    this.#serial = serial
    serial.setEncoding('latin1').on('data', (text: string) => {
      this.#said += text
      serial.emit('said')
    })
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const folder = mkdtempSync(path.join(options.folder, 'machine-'))
    const [kmip, admin, ssh] = await freePorts(3)
    const ports = { kmip: kmip ?? 0, admin: admin ?? 0, ssh: ssh ?? 0 }
    const listener = createServer().listen(path.join(folder, 'serial'))
    await once(listener, 'listening')
    // The machine ends with this process, however that ends.
    const words = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...parametersOf(options, folder, ports)]
    const child = spawn('setpriv', words, { stdio: ['ignore', 'inherit', 'inherit'] })
    const failed = once(child, 'close').then(() => undefined)
    const [serial] = (await Promise.race([once(listener, 'connection'), failed])) ?? []
    listener.close()
    if (serial === undefined) throw new Error('qemu-system-x86_64 ended at once')
    return new Machine(folder, ports, child, serial as Socket)
  }

  /** Waits until the console says so, from where the last wait ended; what it said until then. */
  async expect(wanted: RegExp): Promise<string> {
    const limit = AbortSignal.timeout(waitMs)
    for (;;) {
      const found = wanted.exec(this.#said.slice(this.#at))
      if (found !== null) {
        const said = this.#said.slice(this.#at, this.#at + found.index)
        this.#at += found.index + found[0].length
        return said
      }
      const ended = this.#gone.then(() => Promise.reject(new Error('the machine ended')))
      await Promise.race([once(this.#serial, 'said', { signal: limit }), ended]).catch((error: unknown) => {
        throw new Error(`the console never said ${wanted.source}; it said\n${this.#said.slice(-4000)}`, {
          cause: error,
        })
      })
    }
  }

  type(text: string): void {
    this.#serial.write(`${text}\r`)
  }

  async logIn(password: string): Promise<void> {
    await this.expect(/ login: /)
    this.type('root')
    await this.expect(/Password: /)
    this.type(password)
    await this.expect(/# /)
    // What is typed is not repeated, and no line is broken.
    this.type(
      "stty -echo cols 500; PS1= PS2=; bind 'set enable-bracketed-paste off'; export TERM=dumb SYSTEMD_PAGER=cat; echo logged\\ in",
    )
    await this.expect(/logged in\r\n/)
  }

  /** Runs a line of sh in the shell of the console; throws unless it succeeds. What it printed. */
  async run(line: string): Promise<string> {
    const { code, text } = await this.attempt(line)
    if (code !== 0) throw new Error(`${line} ended with ${code}\n${text}`)
    return text
  }

  async attempt(line: string): Promise<{ readonly code: number; readonly text: string }> {
    this.type(`{ ${line}\n}; echo "=ended:$?="`)
    const text = await this.expect(/=ended:(?=\d+=)/)
    const code = Number(await this.expect(/=\r?\n/))
    return { code, text: text.replaceAll('\r', '').trim() }
  }

  /** Waits until sshd answers. */
  async answersAtSsh(): Promise<void> {
    const limit = AbortSignal.timeout(waitMs)
    while (!(await answersAt(this.ports.ssh))) await setTimeout(1000, undefined, { signal: limit })
  }

  /** Waits until it has switched itself off. */
  async off(): Promise<void> {
    await this.#gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill('SIGKILL')
    await this.#gone
    this.#serial.destroy()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function parametersOf(
  { disk, cd, kernel }: MachineOptions,
  folder: string,
  ports: Machine['ports'],
): readonly string[] {
  const written = path.join(folder, 'disk.qcow2')
  spawnSync('qemu-img', [
    'create',
    '-q',
    '-f',
    'qcow2',
    '-b',
    path.resolve(disk.file),
    '-F',
    disk.format,
    written,
  ])
  copyFileSync(`${firmware}/OVMF_VARS_4M.fd`, path.join(folder, 'variables'))
  const forwarded = [
    `hostfwd=tcp:127.0.0.1:${ports.kmip}-:5696`,
    `hostfwd=tcp:127.0.0.1:${ports.admin}-:5697`,
    `hostfwd=tcp:127.0.0.1:${ports.ssh}-:22`,
  ]
  // A clock that an emulation on a busy machine does not tick in time is none that Linux should look for.
  const patient = 'no_timer_check'
  const byFirmware = [
    ['-smbios', `type=11,value=io.systemd.boot.kernel-cmdline-extra=${patient}`],
    ['-device', 'ide-hd,bus=ide.0,drive=disk,bootindex=0'],
  ]
  const byQemu = (own: NonNullable<MachineOptions['kernel']>) => [
    ['-kernel', own.image, '-initrd', own.initrd, '-append', `${own.parameters} ${patient}`],
    ['-device', 'pvscsi,id=scsi', '-device', 'scsi-hd,bus=scsi.0,drive=disk'],
  ]
  const started = (kernel === undefined ? byFirmware : byQemu(kernel)).flat()
  const drive =
    cd === undefined
      ? []
      : [
          '-drive',
          `if=none,id=cd,media=cdrom,readonly=on,format=raw,file=${cd}`,
          '-device',
          'ide-cd,bus=ide.1,drive=cd',
        ]
  return [
    ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '2048'],
    ['-nodefaults', '-display', 'none', '-vga', 'std'],
    pflash(0, `${firmware}/OVMF_CODE_4M.fd`, ',readonly=on'),
    pflash(1, path.join(folder, 'variables'), ''),
    ['-drive', `if=none,id=disk,file=${written},format=qcow2,cache=unsafe`],
    started,
    drive,
    ['-netdev', `user,id=net,restrict=on,${forwarded.join(',')}`, '-device', 'vmxnet3,netdev=net,romfile='],
    ['-chardev', `socket,id=serial,path=${path.join(folder, 'serial')}`, '-serial', 'chardev:serial'],
  ].flat()
}

function pflash(unit: number, file: string, more: string): readonly string[] {
  return ['-drive', `if=pflash,format=raw,unit=${unit},file=${file}${more}`]
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = []
  for (let made = 0; made < count; made++) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    servers.push(server)
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) await once(server.close(), 'close')
  return ports
}

/** Whether something listens there that says something or waits; the machine's own network takes connections that it then closes. */
export async function answersAt(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    const [heard] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [])])) as [
      Buffer?,
    ]
    return heard !== undefined
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
