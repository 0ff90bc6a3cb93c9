// Other readers of what comes from outside, as targets: certificates and requests for certificates, the JSON bodies of the
// admin API, and the answers of Key Protect and IAM.

import { routes } from '../../../src/program/routes.ts'
import { examples } from '../server/examples.ts'
import { parseCertificate, parseCertificates } from '../../../src/core/pki/certificate.ts'
import { PkiError } from '../../../src/core/pki/error.ts'
import { readRequest } from '../../../src/core/pki/request.ts'
import * as answers from '../../../src/outside/rootkey/keyprotect/answers.ts'
import { readRefusal } from '../../../src/outside/rootkey/keyprotect/error.ts'
import { clientCertificate, clientKinds } from '../certificates/certificates.ts'
import { summary, type Target } from './engine.ts'

export const certificateTarget: Target = {
  name: 'certificate',
  async seeds() {
    const identities = await Promise.all(clientKinds.map(clientCertificate))
    return identities.flatMap(({ certificate: { der, pem } }) => [Buffer.from(der), Buffer.from(pem)])
  },
  words: [
    '-----BEGIN CERTIFICATE-----',
    '-----END CERTIFICATE-----',
    '-----BEGIN PRIVATE KEY-----',
    '\n',
    '=',
  ],
  async run(input) {
    const said: string[] = []
    for (const read of [parseCertificate, parseCertificates, readRequest])
      try {
        await read(input)
        said.push('read')
      } catch (error) {
        if (!(error instanceof PkiError)) throw error
        said.push(summary(error))
      }
    return said.join(' | ')
  },
}

const jsonWords = ['{', '}', '[', ']', ',', ':', '"', 'null', '1e999', '"__proto__"', '\\u0000']

export const adminTarget: Target = {
  name: 'admin-json',
  seeds: () =>
    Object.values(examples).flatMap((example: object) =>
      'body' in example ? [Buffer.from(JSON.stringify(example.body))] : [],
    ),
  words: [...jsonWords, 'true', '-0', '"constructor"', '"name"', '"instance"', '"limits"'],
  run(input) {
    let body: unknown
    try {
      body = JSON.parse(input.toString())
    } catch {
      return 'no JSON'
    }
    const taken = Object.entries(routes).flatMap(([name, route]) =>
      route.body.safeParse(body).success ? [name] : [],
    )
    for (const route of Object.values(routes)) route.query.safeParse(body)
    return taken.join()
  },
}

export const keyProtectTarget: Target = {
  name: 'key-protect-answers',
  seeds: () =>
    [
      '{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":1},"resources":[{"id":"2291e4ae-a14c-4af9-88f0-27c0cb2739e2","name":"k","state":1,"extractable":false,"keyVersion":{"id":"x"},"payload":"cXE=","creationDate":"2026-03-01T12:00:00Z"}]}',
      '{"plaintext":"cXE=","ciphertext":"eyJj","keyVersion":{"id":"x"},"rewrappedKeyVersion":{"id":"y"}}',
      '{"resources":[{"errorMsg":"Conflict","reasons":[{"code":"KEY_ROTATION_NOT_PERMITTED","message":"m","status":409}]}]}',
      '{"access_token":"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x","expires_in":3600,"expiration":1700000000}',
      '{"errorCode":"BXNIM0415E","errorMessage":"Provided API key could not be found."}',
    ].map((text) => Buffer.from(text)),
  words: [...jsonWords, '"resources"', '"payload"', '"state"'],
  run(input) {
    const said: string[] = [500, 401, 404].map((status) =>
      JSON.stringify(readRefusal(status, input)?.code ?? null),
    )
    said.push(String(answers.readIamRefusal(input) === undefined))
    answers.subjectOf(input.toString())
    let json: unknown
    try {
      json = answers.parseJson(input)
    } catch (error) {
      return `${said.join(' ')} ${summary(error)}`
    }
    for (const resource of answers.readResources(json) ?? []) {
      said.push(String(answers.readKey(resource)?.state), typeof answers.resourceId(resource))
    }
    said.push(typeof answers.readOneKey(json), typeof answers.readToken(json))
    try {
      answers.readWrapped(json)
      said.push('wrapped')
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ZodError') throw error
    }
    return said.join(' ').slice(0, 100)
  },
}
