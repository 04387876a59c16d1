import { Stripe, expect, happened, paid, refused, test, types } from './support.ts';

const endpoint = (stripe: Stripe, url: string, events: string[] = ['*']): Promise<Stripe.WebhookEndpoint> =>
  stripe.webhookEndpoints.create({ url, enabled_events: events as Stripe.WebhookEndpointCreateParams.EnabledEvent[] });

test('a delivery is signed so that the official client takes it, and nobody else’s', async ({ stripe, receiver }) => {
  const made = await endpoint(stripe, receiver.url, ['customer.created']);
  expect(made).toMatchObject({ object: 'webhook_endpoint', status: 'enabled', api_version: '2025-06-30.basil' });
  await stripe.products.create({ name: 'Not told' });
  const customer = await stripe.customers.create({ email: 'ada@example.com' }, { idempotencyKey: 'one' });
  await receiver.waitFor(1);
  const { body, headers } = receiver.got[0]!;
  const signature = headers['stripe-signature'] as string;
  const event = stripe.webhooks.constructEvent(body, signature, made.secret!);
  expect(event).toMatchObject({
    object: 'event',
    type: 'customer.created',
    api_version: '2025-06-30.basil',
    livemode: false,
    pending_webhooks: 1,
    data: { object: customer },
    request: { idempotency_key: 'one' },
  });
  expect(() => stripe.webhooks.constructEvent(body.replace('ada', 'bob'), signature, made.secret!)).toThrow(Stripe.errors.StripeSignatureVerificationError);
  expect(() => stripe.webhooks.constructEvent(body, signature, 'whsec_other')).toThrow(Stripe.errors.StripeSignatureVerificationError);
  await expect.poll(async () => (await stripe.events.retrieve(event.id)).pending_webhooks).toBe(0);
  expect(receiver.got).toHaveLength(1);
});

test('what is not accepted comes again, later and later, until it is', async ({ stripe, receiver, sandbox }) => {
  receiver.answers = [500, 302];
  const made = await endpoint(stripe, receiver.url, ['product.created']);
  await stripe.products.create({ name: 'Cup' });
  await receiver.waitFor(1);
  expect((await stripe.events.list({ delivery_success: false })).data).toHaveLength(1);
  await receiver.waitFor(3);
  const [first, second, third] = receiver.got.map(({ at }) => at) as [number, number, number];
  expect(second - first).toBeGreaterThan(900);
  expect(third - second).toBeGreaterThan(1900);
  const signatures = receiver.got.map(({ headers }) => headers['stripe-signature'] as string);
  expect(new Set(signatures).size).toBe(3);
  for (const { body, headers } of receiver.got) stripe.webhooks.constructEvent(body, headers['stripe-signature'] as string, made.secret!);
  await expect.poll(async () => (await stripe.events.list({ delivery_success: false })).data).toEqual([]);
  const { deliveries } = await sandbox.control('GET', '/stripe/deliveries');
  expect(deliveries.map((one: { attempt: number; status: number }) => [one.attempt, one.status])).toEqual([
    [1, 500],
    [2, 302],
    [3, 200],
  ]);
});

test('with the fault, every event comes twice under one id', async ({ stripe, receiver, sandbox }) => {
  await endpoint(stripe, receiver.url);
  await sandbox.control('POST', '/faults', { delivery: { duplicate_rate: 1 } });
  await stripe.customers.create({});
  await receiver.waitFor(2);
  expect(new Set(receiver.events.map((event) => event.id)).size).toBe(1);
  expect((await stripe.events.list()).data).toHaveLength(1);
});

test('with the fault, one occurrence has two events', async ({ stripe, receiver, sandbox }) => {
  await endpoint(stripe, receiver.url);
  await sandbox.control('POST', '/faults', { delivery: { twin_rate: 1 } });
  const customer = await stripe.customers.create({});
  await receiver.waitFor(2);
  const events = receiver.events;
  expect(new Set(events.map((event) => event.id)).size).toBe(2);
  expect(events.map((event) => [event.type, event.data.object])).toEqual([
    ['customer.created', customer],
    ['customer.created', customer],
  ]);
  expect((await stripe.events.list()).data).toHaveLength(2);
  const triggered = await sandbox.trigger('refund.created', { payment_intent: (await paid(stripe)).id, amount: 100, note: 'both' });
  const twins = (await stripe.events.list({ type: 'refund.created' })).data;
  expect(twins.map((event) => (event.data.object as { note?: string }).note)).toEqual(['both', 'both']);
  expect(twins.map((event) => event.id)).toContain(triggered['id']);
});

test('shuffled events all come, in another order', async ({ stripe, receiver, sandbox }) => {
  await endpoint(stripe, receiver.url, ['product.created']);
  await sandbox.control('POST', '/faults', { delivery: { shuffle: true } });
  const names = Array.from({ length: 8 }, (_, number) => `p${number}`);
  for (const name of names) await stripe.products.create({ name });
  await receiver.waitFor(8);
  const came = receiver.events.map((event) => (event.data.object as Stripe.Product).name);
  expect([...came].sort()).toEqual(names);
  // One order in 40,320 is the one in which they were made.
  expect(came).not.toEqual(names);
});

test('a dropped event never comes, and is listed as undelivered', async ({ stripe, receiver, sandbox }) => {
  await endpoint(stripe, receiver.url);
  await sandbox.control('POST', '/faults', { delivery: { drop_rate: 1 } });
  const lost = await stripe.customers.create({ name: 'lost' });
  await sandbox.control('DELETE', '/faults');
  const told = await stripe.customers.create({ name: 'told' });
  await receiver.waitFor(1);
  await expect.poll(async () => (await stripe.events.list({ delivery_success: true })).data.length).toBe(1);
  const id = (event: Stripe.Event) => (event.data.object as Stripe.Customer).id;
  expect(receiver.events.map(id)).toEqual([told.id]);
  const missed = await stripe.events.list({ delivery_success: false, types: ['customer.created', 'product.created'] });
  expect(missed.data.map(id)).toEqual([lost.id]);
  expect(missed.data[0]!.pending_webhooks).toBe(1);
});

test('events are found by type and time, for thirty days', async ({ stripe, sandbox }) => {
  const customer = await stripe.customers.create({});
  await sandbox.advance(3600);
  await stripe.customers.update(customer.id, { name: 'Ada' });
  await stripe.products.create({ name: 'Cup' });
  expect(types((await stripe.events.list({ type: 'customer.*' })).data)).toEqual(['customer.updated', 'customer.created']);
  expect(types((await stripe.events.list({ types: ['product.created', 'customer.created'] })).data)).toEqual(['product.created', 'customer.created']);
  expect(types((await stripe.events.list({ created: { gte: customer.created + 3600 } })).data)).toEqual(['product.created', 'customer.updated']);
  const many = Array.from({ length: 21 }, (_, number) => `type.t${number}`);
  expect(await refused(stripe.events.list({ types: many }))).toMatchObject({ param: 'types' });
  expect(await refused(stripe.events.list({ types: ['a.b'], type: 'a.b' }))).toMatchObject({ param: 'types' });
  await sandbox.advance(30 * 86_400 - 1800);
  expect(await happened(stripe)).toEqual(['customer.updated', 'product.created']);
});

test('an endpoint that is changed, switched off or deleted is told accordingly', async ({ stripe, receiver, sandbox }) => {
  const made = await endpoint(stripe, receiver.url, ['product.created']);
  expect(await stripe.webhookEndpoints.retrieve(made.id)).not.toHaveProperty('secret');
  await stripe.webhookEndpoints.update(made.id, { enabled_events: ['customer.created'], metadata: { a: '1' } });
  await stripe.products.create({ name: 'Cup' });
  await stripe.customers.create({});
  await receiver.waitFor(1);
  // What happens while it is off is not kept for it, even when it is on again before anything could be sent.
  await sandbox.control('POST', '/faults', { delivery: { delay_ms: 200 } });
  expect(await stripe.webhookEndpoints.update(made.id, { disabled: true })).toMatchObject({ status: 'disabled', metadata: { a: '1' } });
  await stripe.customers.create({});
  await stripe.webhookEndpoints.update(made.id, { disabled: false });
  await stripe.customers.create({ name: 'third' });
  await receiver.waitFor(2);
  expect(receiver.events.map((event) => [event.type, (event.data.object as Stripe.Customer).name])).toEqual([
    ['customer.created', null],
    ['customer.created', 'third'],
  ]);
  // What a deleted endpoint has not accepted is waited for no more.
  receiver.answers = Array.from({ length: 50 }, () => 500);
  await stripe.customers.create({});
  await receiver.waitFor(3);
  await stripe.webhookEndpoints.del(made.id);
  await expect.poll(async () => (await stripe.events.list({ delivery_success: false })).data).toEqual([]);
  expect((await stripe.webhookEndpoints.list()).data).toEqual([]);
});
