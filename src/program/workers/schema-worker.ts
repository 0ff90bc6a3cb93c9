// The thread that parses and checks long bodies by the schemas of their routes, and makes the description of the API. This is the entry
// of a worker thread; doors/http/schema-thread.ts is the other side.

import { setPriority } from 'node:os'
import { MessageChannel, parentPort, type MessagePort } from 'node:worker_threads'
import { Refusal } from '../../base/refusal.ts'
import { publicDocument } from '../../doors/http/documents.ts'
import { parsedJson } from '../../doors/http/read-json.ts'
import type { Route } from '../../doors/http/route.ts'
import type {
  ApiDescription,
  FromSchemaThread,
  SchemaAnswer,
  ToSchemaThread,
} from '../../doors/http/schema-messages.ts'
import { valid } from '../../doors/http/valid.ts'
import { sendPieces } from '../../doors/http/value-pieces.ts'
import { describedApi, routes } from '../routes.ts'

/** As the threads for computations, it gives way to the thread that serves TLS. */
const schemaNice = 10

async function answerTo(job: ToSchemaThread): Promise<SchemaAnswer> {
  try {
    if (job.type === 'description') return { type: 'description', description: await description() }
    const { body } = (routes as Readonly<Record<string, Route>>)[job.route] ?? missing(job.route)
    const checked = valid('body', body, parsedJson(job.bytes))
    const { port1, port2 } = new MessageChannel()
    sendPieces(port1, checked)
    return { type: 'body', pieces: port2 }
  } catch (error) {
    if (!(error instanceof Refusal))
      return {
        type: 'failed',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }
    const { code, message, hint } = error
    return { type: 'refused', code, message, hint }
  }
}

function missing(route: string): never {
  throw new Error(`there is no route ${route}`)
}

async function description(): Promise<ApiDescription> {
  const [{ openApiDocument }, { docsPage, docsPolicy }] = await Promise.all([
    import('../../doors/http/openapi.ts'),
    import('../../doors/http/docs-page.ts'),
  ])
  const document = openApiDocument(await describedApi())
  return {
    json: await publicDocument(Buffer.from(JSON.stringify(document)), 'application/json'),
    page: await publicDocument(Buffer.from(docsPage(document)), 'text/html; charset=UTF-8'),
    policy: docsPolicy,
  }
}

/** On Linux, and only there, the call concerns this thread alone (setpriority(2)). */
function giveWay(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(schemaNice)
  } catch {
    // A system that forbids it shares the processors evenly.
  }
}

async function serve(port: MessagePort, job: ToSchemaThread): Promise<void> {
  const answer = await answerTo(job)
  const message: FromSchemaThread = { ...answer, id: job.id }
  port.postMessage(message, answer.type === 'body' ? [answer.pieces] : [])
}

if (parentPort) {
  const port = parentPort
  giveWay()
  port.on('message', (job: ToSchemaThread) => void serve(port, job))
}
