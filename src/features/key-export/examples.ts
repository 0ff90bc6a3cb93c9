// The examples of the export of keys in the description of the admin API.

import type { keyExportRoutes } from './routes.ts'
import type { Examples } from '../../doors/http/example.ts'

const id = '5a0f8c62-93d1-4e7b-8f24-6b1c0d9e7a35'

export const examples: Examples<typeof keyExportRoutes> = {
  exportKeys: {
    body: { id, recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgv...'] },
    answer: 'age-encryption.org/v1...',
  },
  showKeyExport: {
    answer: {
      id,
      state: 'done',
      keys: 121,
      destroyed: 3,
      notExported: {
        count: 1,
        items: [{ id: 'f6d1a0c2-0b57-4c3e-9f5d-2a7e8c1b4d90', why: 'this object may not leave the server' }],
      },
      error: null,
    },
  },
}
