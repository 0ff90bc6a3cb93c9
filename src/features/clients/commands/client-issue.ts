// `mortise client issue` and `client sign`: certificates from Mortise's own CA. The command generates the private key of
// an issued pair on this machine and sends the server a certificate request only.

import path from 'node:path'
import type { Output } from '../../../doors/http/route.ts'
import { PkiError } from '../../../core/pki/error.ts'
import { makeRequest } from '../../../core/pki/make-request.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import {
  allowFlag,
  forceFlag,
  instanceFlag,
  verb,
  wholeNumber,
  type Run,
} from '../../../doors/cli/command.ts'
import {
  makeFolder,
  mustBeFree,
  readPem,
  stageFile,
  writeFile,
  type StagedFile,
} from '../../../doors/cli/files.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { nextInVcenter } from './next-steps.ts'
import { ownFiles, pasteText, productFlag, rightsOf } from './products.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { CommandError } from '../../../doors/cli/world.ts'
import { clientRoutes } from '../routes.ts'

type Signed = Output<typeof clientRoutes.signClient>

interface IssueOptions {
  readonly instance?: string
  readonly name: string
  readonly out: string
  readonly days?: string
  readonly allow?: string
  readonly for?: string
  readonly force?: boolean
}

const daysFlag = ['--days <n>', 'how long it is valid (default: 10 years)'] as const

export const issueCommand = verb<IssueOptions>({
  words: 'issue',
  summary: 'create a certificate and private key for a client, and trust it',
  required: [
    ['--name <name>', 'name of the client; also the common name'],
    ['--out <dir>', 'folder for client.pem, client.key and ca.pem'],
  ],
  flags: [instanceFlag, daysFlag, productFlag, allowFlag, forceFlag],
  examples: [
    'client issue --instance default --name vcenter-1 --out ./vcenter-1',
    'client issue --for rook --instance rook --name rook-1 --out ./rook-1',
  ],
  action: async (run, { instance, name, out, days, force = false, ...rest }) => {
    const rights = rightsOf(rest)
    const lifetime = days === undefined ? {} : { days: wholeNumber('--days', days) }
    const admin = await run.client()
    const where = await instanceOf(admin, instance)
    const files = fileNames(out)
    const { request, privateKey } = await makeRequest({ commonName: name }).catch(notAsCommonName)
    const removeFolder = await makeFolder(out)
    let key: StagedFile | undefined
    let signed: Signed
    try {
      await mustBeFree(Object.values(files), force)
      key = await stageFile(files.key, privateKey, { mode: 0o600, force })
      const body = { name, request, ...lifetime, ...rights }
      signed = await admin.call(clientRoutes.signClient, { instance: where, body })
    } catch (error) {
      await key?.discard()
      await removeFolder()
      throw error
    } finally {
      privateKey.fill(0)
    }
    await key.keep()
    await keep(run, signed, files.certificate, signed.certificate, force)
    await keep(run, signed, files.authority, signed.authority, force)
    const { certificate: _certificate, authority: _authority, ...client } = signed
    run.show(
      { ...client, files },
      () =>
        plain`Issued and trusted as ${client.name} in ${client.instance.name}:\n  ${files.certificate}\n  ${files.key}  (keep it secret)\n  ${files.authority}\n`,
    )
    if (rights.product !== undefined && rights.product !== 'vcenter')
      return run.tell(await pasteText(admin, rights.product, { ...files, ca: files.authority }))
    run.tell(
      '\nFor vCenter: Establish Trust > Make KMS trust vCenter > KMS certificate and private key,\n' +
        'with client.pem and client.key. Then delete client.key here.\n',
    )
    run.tell(await nextInVcenter(admin))
  },
})

function notAsCommonName(error: unknown): never {
  if (!(error instanceof PkiError)) throw error
  throw new CommandError(`--name is the common name of the certificate, too. ${error.message}`, undefined, {
    cause: error,
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
  readonly for?: string
  readonly force?: boolean
}

export const signCommand = verb<SignOptions>({
  words: 'sign',
  summary: 'sign the certificate request of a client, and trust it',
  required: [
    ['--name <name>', 'name of the client'],
    ['--csr <pem>', 'the request (vCenter: "New Certificate Signing Request"); - is standard input'],
    ['--out <pem>', 'file for the certificate; - is standard output'],
  ],
  flags: [instanceFlag, daysFlag, productFlag, allowFlag, forceFlag],
  examples: ['client sign --instance default --name vcenter-1 --csr vcenter.csr --out vcenter.pem'],
  action: async (run, { instance, name, csr, out, days, force = false, ...rest }) => {
    const rights = rightsOf(rest)
    await mustBeFree([out], force)
    const request = await readPem(run.world, csr, 'CERTIFICATE REQUEST')
    const admin = await run.client()
    const lifetime = days === undefined ? {} : { days: wholeNumber('--days', days) }
    const body = { name, request, ...lifetime, ...rights }
    const signed = await admin.call(clientRoutes.signClient, {
      instance: await instanceOf(admin, instance),
      body,
    })
    if (out === '-' && !run.json) {
      run.world.stdout.write(signed.certificate)
      return
    }
    if (out !== '-') await keep(run, signed, out, signed.certificate, force)
    run.show(signed, () => plain`Signed and trusted as ${signed.name} in ${signed.instance.name}: ${out}\n`)
    if (rights.product !== undefined && rights.product !== 'vcenter')
      return run.tell(
        await pasteText(admin, rights.product, { ...ownFiles, ...(out !== '-' && { certificate: out }) }),
      )
    run.tell('\nNow in vCenter: Establish Trust > Upload Signed CSR Certificate, with this file.\n')
  },
})

/** Writes what the server signed, and trusts already: if that fails, the hint says how to take it back. */
async function keep(
  { next }: Run,
  { name, instance, sha256 }: Signed,
  file: string,
  content: string,
  force: boolean,
): Promise<void> {
  try {
    await writeFile(file, content, { mode: 0o644, force })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const undo = next(
      `client remove ${shellWord(name)} --instance ${shellWord(instance.name)} --certificate ${sha256}`,
    )
    throw new CommandError(
      error.message,
      `The server trusts the certificate already. Take that back: ${undo}`,
      {
        cause: error,
      },
    )
  }
}
