// `mortise client issue` and `client sign`: certificates from Mortise's own CA. The private key of an issued pair is
// made here, where the command runs, and goes nowhere else: the server sees a certificate request only.

import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { makeRequest } from '../pki/make-request.ts'
import { allowFlag, allowOf, instanceFlag, instanceOf, verb, wholeNumber, type Outcome } from './command.ts'
import { mustBeNew, readPem, writeNew } from './files.ts'
import { nextInVcenter } from './next-steps.ts'
import { plain } from './output.ts'
import type { World } from './world.ts'

interface IssueOptions {
  readonly instance?: string
  readonly name: string
  readonly out: string
  readonly days?: string
  readonly allow?: string
}

const daysFlag = ['--days <n>', 'how long it is valid (default: 10 years)'] as const

export function issueCommand(world: World, outcome: Outcome): Command {
  return verb<IssueOptions>(world, outcome, {
    words: 'issue',
    summary: 'make a certificate and private key for a client, and trust it',
    required: [
      ['--name <name>', 'what to call the client; also the common name'],
      ['--out <dir>', 'folder for client.pem, client.key and ca.pem'],
    ],
    flags: [instanceFlag, daysFlag, allowFlag],
    examples: ['client issue --instance default --name vcenter-1 --out ./vcenter-1'],
    action: async (run, { instance, name, out, days, ...rest }) => {
      const admin = await run.client()
      const where = await instanceOf(admin, instance)
      const files = fileNames(out)
      await mustBeNew(Object.values(files))
      await mkdir(out, { recursive: true, mode: 0o700 })
      const { request, privateKey } = await makeRequest({ commonName: name })
      await writeNew(files.key, privateKey, 0o600)
      privateKey.fill(0)
      const lifetime = days === undefined ? {} : { days: wholeNumber('--days', days) }
      const body = { name, request, ...lifetime, ...allowOf(rest) }
      const signed = await admin
        .call('signClient', { instance: where, body })
        .catch(async (error: unknown) => {
          await rm(files.key)
          throw error
        })
      await writeNew(files.certificate, signed.certificate, 0o644)
      await writeNew(files.authority, signed.authority, 0o644)
      const { certificate: _certificate, authority: _authority, ...client } = signed
      run.show(
        { ...client, files },
        () =>
          plain`Issued and trusted as ${client.name} in ${client.instance.name}:\n  ${files.certificate}\n  ${files.key}  (keep it secret)\n  ${files.authority}\n`,
      )
      run.tell(
        '\nNow in vCenter: Establish Trust > Make KMS trust vCenter > KMS certificate and private key,\n' +
          'with client.pem and client.key. Then delete client.key here.\n',
      )
      run.tell(await nextInVcenter(admin))
    },
  })
}

function fileNames(out: string) {
  const [certificate, key, authority] = ['client.pem', 'client.key', 'ca.pem'].map((name) =>
    path.join(out, name),
  )
  return { certificate: certificate ?? '', key: key ?? '', authority: authority ?? '' }
}

interface SignOptions {
  readonly instance?: string
  readonly name: string
  readonly csr: string
  readonly out: string
  readonly days?: string
  readonly allow?: string
}

export function signCommand(world: World, outcome: Outcome): Command {
  return verb<SignOptions>(world, outcome, {
    words: 'sign',
    summary: 'sign the certificate request of a client, and trust it',
    required: [
      ['--name <name>', 'what to call the client'],
      ['--csr <pem>', 'the request (vCenter: "New Certificate Signing Request"); - is standard input'],
      ['--out <pem>', 'file for the certificate; - is standard output'],
    ],
    flags: [instanceFlag, daysFlag, allowFlag],
    examples: ['client sign --instance default --name vcenter-1 --csr vcenter.csr --out vcenter.pem'],
    action: async (run, { instance, name, csr, out, days, ...rest }) => {
      if (out !== '-') await mustBeNew([out])
      const request = await readPem(world, csr, 'CERTIFICATE REQUEST')
      const admin = await run.client()
      const lifetime = days === undefined ? {} : { days: wholeNumber('--days', days) }
      const body = { name, request, ...lifetime, ...allowOf(rest) }
      const signed = await admin.call('signClient', { instance: await instanceOf(admin, instance), body })
      if (out === '-' && !run.json) {
        world.stdout.write(signed.certificate)
        return
      }
      if (out !== '-') await writeNew(out, signed.certificate, 0o644)
      run.show(signed, () => plain`Signed and trusted as ${signed.name} in ${signed.instance.name}: ${out}\n`)
      run.tell('\nNow in vCenter: Establish Trust > Upload Signed CSR Certificate, with this file.\n')
    },
  })
}
