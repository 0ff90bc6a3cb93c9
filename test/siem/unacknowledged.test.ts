import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { platform } from 'node:os'
import { test } from 'node:test'
import { unacknowledgedBytes, waitingIn } from '../../src/siem/unacknowledged.ts'

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1633 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:9C40 0100007F:1972 01 000001A0:00000000 00:00000000 00000000     0        0 2
   2: 0100007F:9C41 0100007F:1972 01 00000000:00000007 00:00000000 00000000     0        0 3
`

test('the first of the two queues counts, of the connection with these ports', () => {
  assert.equal(waitingIn(table, { localPort: 0x9c40, remotePort: 0x1972 }), 0x1a0)
  assert.equal(waitingIn(table, { localPort: 0x9c41, remotePort: 0x1972 }), 0)
})

test('a connection that is not listed, and a text that is no table, tell nothing', () => {
  assert.equal(waitingIn(table, { localPort: 1, remotePort: 2 }), null)
  assert.equal(waitingIn('', { localPort: 1, remotePort: 2 }), null)
})

test('the kernel tells it of a real connection', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const [other] = await accepted
  const { localPort = 0, remotePort = 0 } = socket
  const found = await unacknowledgedBytes({ localPort, remotePort })
  assert.equal(found, platform() === 'linux' ? 0 : null)
  socket.destroy()
  other.destroy()
  server.close()
})
