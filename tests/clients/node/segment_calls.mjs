// The script of tests/clients/segment_script.py, by a client with the methods of Segment's Node library.
export const facts = JSON.parse(process.argv[2])

export function send(client) {
  const whose = {
    userId: facts.user,
    anonymousId: facts.device,
    context: facts.context,
    timestamp: new Date(facts.happened),
  }
  client.identify({ ...whose, traits: facts.traits })
  client.track({ ...whose, event: 'Order Completed', properties: facts.order })
  client.page({ ...whose, category: 'Docs', name: 'Pricing', properties: facts.page })
  client.screen({ ...whose, name: 'Main' })
  client.group({ ...whose, groupId: 'acme', traits: facts.group })
  client.alias({ userId: facts.user, previousId: facts.device, context: facts.context, timestamp: whose.timestamp })
}
