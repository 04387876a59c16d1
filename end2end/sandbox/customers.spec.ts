import { expect, happened, refused, test } from './support.ts';

test('a customer is made, changed, found and deleted, and each is told', async ({ stripe }) => {
  const made = await stripe.customers.create({
    email: 'ada@example.com',
    name: 'Ada',
    address: { line1: 'Torstraße 100', city: 'Berlin', country: 'DE' },
    preferred_locales: ['de'],
    metadata: { plan: 'a', note: 'x' },
  });
  expect(made).toMatchObject({ object: 'customer', email: 'ada@example.com', livemode: false, balance: 0, metadata: { plan: 'a' } });
  expect(made.address).toEqual({ line1: 'Torstraße 100', line2: null, city: 'Berlin', country: 'DE', postal_code: null, state: null });
  expect(await stripe.customers.retrieve(made.id)).toMatchObject({ id: made.id, name: 'Ada' });

  const changed = await stripe.customers.update(made.id, { name: '', phone: '+4930555', metadata: { plan: 'b', note: '' } });
  expect(changed).toMatchObject({ name: null, phone: '+4930555', email: 'ada@example.com' });
  expect(changed.metadata).toEqual({ plan: 'b' });
  const updated = (await stripe.events.list({ type: 'customer.updated' })).data[0]!;
  expect(updated.data.previous_attributes).toEqual({ name: 'Ada', phone: null, metadata: { plan: 'a', note: 'x' } });
  expect(updated.request?.id).toMatch(/^req_/);
  expect(updated.request?.idempotency_key).toBeNull();

  await stripe.customers.create({ email: 'bob@example.com' });
  expect((await stripe.customers.list({ email: 'ada@example.com' })).data.map((one) => one.id)).toEqual([made.id]);
  expect((await stripe.customers.list({ email: 'ADA@example.com' })).data).toEqual([]);
  expect((await stripe.customers.list({ created: { gt: made.created + 60 } })).data).toEqual([]);

  expect(await stripe.customers.del(made.id)).toEqual({ id: made.id, object: 'customer', deleted: true });
  expect(await stripe.customers.retrieve(made.id)).toMatchObject({ id: made.id, deleted: true });
  expect((await stripe.customers.list()).data).toHaveLength(1);
  expect((await refused(stripe.customers.update(made.id, { name: 'x' }))).code).toBe('resource_missing');
  expect((await refused(stripe.paymentIntents.create({ amount: 500, currency: 'usd', customer: made.id }))).code).toBe('resource_missing');
  expect(await happened(stripe)).toEqual(['customer.created', 'customer.updated', 'customer.created', 'customer.deleted']);
});

test('customers are searched by what is known of them', async ({ stripe }) => {
  const ada = await stripe.customers.create({ email: 'ada@example.com', metadata: { order: '7' } });
  await stripe.customers.create({ email: 'bob@example.com', metadata: { order: '8' } });
  const found = await stripe.customers.search({ query: "email:'ada@example.com' AND metadata['order']:'7'" });
  expect(found).toMatchObject({ object: 'search_result', has_more: false, next_page: null });
  expect(found.data.map((one) => one.id)).toEqual([ada.id]);
  expect((await stripe.customers.search({ query: 'metadata["order"]:"9"' })).data).toEqual([]);
  expect((await refused(stripe.customers.search({ query: 'created>5' }))).param).toBe('query');
});

test('payment methods are attached to customers and become their default', async ({ stripe }) => {
  const customer = await stripe.customers.create({
    payment_method: 'pm_card_mastercard',
    invoice_settings: { default_payment_method: 'pm_card_mastercard' },
  });
  const kept = customer.invoice_settings.default_payment_method as string;
  expect(kept).toMatch(/^pm_1/);
  expect((await stripe.paymentMethods.retrieve(kept)).card).toMatchObject({ brand: 'mastercard', last4: '4444' });

  const visa = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  expect(visa).toMatchObject({ object: 'payment_method', type: 'card', customer: customer.id });
  const listed = await stripe.paymentMethods.list({ customer: customer.id, type: 'card' });
  expect(listed.data.map((one) => one.id)).toEqual([visa.id, kept]);
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: visa.id } });
  expect(await stripe.paymentMethods.detach(visa.id)).toMatchObject({ id: visa.id, customer: null });
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ invoice_settings: { default_payment_method: null } });

  const declined = await refused(stripe.paymentMethods.attach('pm_card_chargeDeclined', { customer: customer.id }));
  expect(declined).toMatchObject({ type: 'StripeCardError', decline_code: 'generic_decline', statusCode: 402 });
  expect((await refused(stripe.paymentMethods.retrieve('pm_1nobody'))).statusCode).toBe(404);
  expect((await refused(stripe.paymentMethods.attach('pm_card_nobody', { customer: customer.id }))).code).toBe('resource_missing');
});

test('a page that starts after a customer goes on from there, both ways and by itself', async ({ stripe }) => {
  const ids: string[] = [];
  for (let number = 0; number < 7; number++) ids.unshift((await stripe.customers.create({ name: `c${number}` })).id);
  const first = await stripe.customers.list({ limit: 3 });
  expect(first).toMatchObject({ object: 'list', has_more: true, url: '/v1/customers' });
  expect(first.data.map((one) => one.id)).toEqual(ids.slice(0, 3));
  const last = await stripe.customers.list({ limit: 3, starting_after: ids[4]! });
  expect([last.data.map((one) => one.id), last.has_more]).toEqual([ids.slice(5), false]);
  const before = await stripe.customers.list({ limit: 2, ending_before: ids[3]! });
  expect([before.data.map((one) => one.id), before.has_more]).toEqual([ids.slice(1, 3), true]);

  const all: string[] = [];
  for await (const one of stripe.customers.list({ limit: 2 })) all.push(one.id);
  expect(all).toEqual(ids);
  expect((await stripe.customers.list({ limit: 3 }).autoPagingToArray({ limit: 5 })).map((one) => one.id)).toEqual(ids.slice(0, 5));
});
