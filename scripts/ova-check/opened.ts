// Opens an OVA as one who deploys it: checks its order and its manifest, and takes out the disk, and from the disk what starts it.

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { run, sha256OfFile } from '../package/run.ts'
import type { MachineOptions } from './machine.ts'

export interface Opened {
  readonly vmdk: MachineOptions['disk']
  readonly raw: MachineOptions['disk']
  readonly kernel: NonNullable<MachineOptions['kernel']>
}

export async function openOva(ova: string, folder: string): Promise<Opened> {
  const steps = { cwd: folder }
  const members = (await run('tar', ['-tf', path.resolve(ova)], steps)).trim().split('\n')
  await run('tar', ['-xf', path.resolve(ova)], steps)
  const [ovf = '', manifest = '', disk = '', ...more] = members
  assert.deepEqual([path.extname(ovf), path.extname(manifest), more], ['.ovf', '.mf', []])
  const text = readFileSync(path.join(folder, ovf), 'utf8')
  assert.equal(/ovf:href="([^"]*)"/.exec(text)?.[1], disk)
  const lines = readFileSync(path.join(folder, manifest), 'utf8').trim().split('\n')
  assert.equal(lines.length, 2)
  for (const line of lines) {
    const [, file = '', digest] = /^SHA256\((.*)\)= ([\da-f]{64})$/.exec(line) ?? []
    assert.equal(await sha256OfFile(path.join(folder, file)), digest)
  }
  const raw = path.join(folder, 'disk.raw')
  await run('qemu-img', ['convert', '-O', 'raw', disk, raw], steps)
  return {
    vmdk: { file: path.join(folder, disk), format: 'vmdk' },
    raw: { file: raw, format: 'raw' },
    kernel: await kernelOf(raw, folder),
  }
}

/** What the partition of the firmware starts. */
async function kernelOf(raw: string, folder: string): Promise<Opened['kernel']> {
  const to = path.join(folder, 'boot')
  mkdirSync(to)
  await run('mcopy', ['-s', '-i', `${raw}@@1M`, '::/loader', '::/mortise', to], { cwd: folder })
  const entries = path.join(to, 'loader/entries')
  const entry = readFileSync(path.join(entries, readdirSync(entries)[0] ?? ''), 'utf8')
  const value = (name: string) => new RegExp(`^${name} +(.*)$`, 'm').exec(entry)?.[1] ?? ''
  return {
    image: path.join(to, value('linux')),
    initrd: path.join(to, value('initrd')),
    parameters: value('options'),
  }
}
