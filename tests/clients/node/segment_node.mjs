import { Analytics } from '@segment/analytics-node'
import { facts, send } from './segment_calls.mjs'

const client = new Analytics({
  writeKey: facts.key,
  host: facts.url,
  maxRetries: 20,
  flushAt: facts.batch ?? 15,
})
const failures = []
client.on('error', (error) => failures.push(String(error.reason ?? error)))
send(client)
await client.closeAndFlush({ timeout: 60_000 })
console.log(JSON.stringify(failures))
