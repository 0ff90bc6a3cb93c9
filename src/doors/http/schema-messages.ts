// The messages between the thread that serves TLS (schema-thread.ts) and the thread for long work by the schemas of the routes.

import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode } from '../../base/refusal.ts'
import type { PublicDocument } from './documents.ts'

/** The description of the API, for programs and for people. `policy`: the page's Content-Security-Policy. */
export interface ApiDescription {
  readonly json: PublicDocument
  readonly page: PublicDocument
  readonly policy: string
}

export type SchemaJob =
  | {
      readonly type: 'body'
      /** A name of the table of routes. */
      readonly route: string
      readonly bytes: Uint8Array<ArrayBuffer>
    }
  | { readonly type: 'description' }

export type ToSchemaThread = SchemaJob & { readonly id: number }

export type SchemaAnswer =
  /** All pieces of the body (value-pieces.ts) are on the port already. */
  | { readonly type: 'body'; readonly pieces: MessagePort }
  | { readonly type: 'description'; readonly description: ApiDescription }
  | {
      readonly type: 'refused'
      readonly code: ErrorCode
      readonly message: string
      readonly hint: string | undefined
    }
  /** A bug or an outage. */
  | { readonly type: 'failed'; readonly message: string }

export type FromSchemaThread = SchemaAnswer & { readonly id: number }
