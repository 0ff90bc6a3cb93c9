// A server without AWS's packages: everything else works, and a root key in AWS KMS says what to install.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

test('without the packages of AWS it says which to install', async () => {
  const sdk = path.resolve(import.meta.dirname, '../../../../src/outside/rootkey/aws-kms/api.ts')
  const code = `
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve: (name, context, next) => {
        if (name.startsWith('@aws-sdk/')) throw Object.assign(new Error('not there'), { code: 'ERR_MODULE_NOT_FOUND' })
        return next(name, context)
      },
    })
    const { loadAwsSdk } = await import(${JSON.stringify(sdk)})
    await loadAwsSdk({}).catch(({ reach, message }) => console.log(JSON.stringify({ reach, message })))
  `
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', code]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const { reach, message } = JSON.parse(stdout) as { reach: string; message: string }
  assert.equal(reach, 'unreachable')
  assert.match(message, /npm install @aws-sdk\/credential-provider-node @smithy\/signature-v4/)
})
