// A producer of its own: the published .avsc files, avsc and kafkajs, and nothing of Tidegate.
import { readFileSync } from 'node:fs'
import avro from 'avsc'
import { Kafka, Partitioners, logLevel } from 'kafkajs'

const facts = JSON.parse(process.argv[2])
const read = (name) => JSON.parse(readFileSync(`${facts.schemas}/${name}`, 'utf8'))
const topics = read('topics.json')
const types = {}

function framed(kind, event) {
  types[kind] ??= avro.Type.forSchema(read(topics[kind].schema))
  return Buffer.concat([Buffer.from(topics[kind].header, 'hex'), types[kind].toBuffer(event)])
}

const kafka = new Kafka({ brokers: facts.brokers.split(','), logLevel: logLevel.ERROR })
const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner })
await producer.connect()
for (const { kind, key, event, hex } of facts.records) {
  const value = hex === undefined ? framed(kind, event) : Buffer.from(hex, 'hex')
  await producer.send({ topic: topics[kind].topic, messages: [{ key, value }] })
}
await producer.disconnect()
console.log('[]')
