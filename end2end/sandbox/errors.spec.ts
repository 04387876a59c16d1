import { Stripe, expect, paid, refused, test } from './support.ts';

test('a wrong parameter is named', async ({ stripe }) => {
  const error = await refused(stripe.customers.create({ emial: 'a@b.co' } as object));
  expect(error).toBeInstanceOf(Stripe.errors.StripeInvalidRequestError);
  expect(error).toMatchObject({ statusCode: 400, code: 'parameter_unknown', param: 'emial', rawType: 'invalid_request_error' });
  expect(error.requestId).toMatch(/^req_/);
  expect(error.doc_url).toContain('parameter-unknown');
  expect(await refused(stripe.customers.create({ email: 'nobody' }))).toMatchObject({ code: 'email_invalid', param: 'email' });
  expect(await refused(stripe.customers.retrieve('cus_none'))).toMatchObject({ statusCode: 404, code: 'resource_missing', param: 'id' });
  expect(await refused(stripe.customers.list({ limit: 101 }))).toMatchObject({ param: 'limit' });
  expect(await refused(stripe.customers.list({ starting_after: 'cus_none' }))).toMatchObject({ code: 'resource_missing', param: 'starting_after' });
});

test('a wrong key is refused', async ({ sandbox }) => {
  for (const key of ['sk_live_51secret', 'pk_test_1', 'nonsense']) {
    const error = await refused(sandbox.client(key).customers.list());
    expect(error).toBeInstanceOf(Stripe.errors.StripeAuthenticationError);
    expect(error.message).not.toContain('51secret');
  }
  await sandbox.client('rk_test_1').customers.list();
});

test('one key does one thing, whatever happens', async ({ stripe }) => {
  const create = (name: string, key: string) => stripe.customers.create({ name }, { idempotencyKey: key });
  const first = await create('Ada', 'k');
  const again = await create('Ada', 'k');
  expect(again.id).toBe(first.id);
  expect(again.lastResponse.headers['idempotent-replayed']).toBe('true');
  expect(again.lastResponse.idempotencyKey).toBe('k');
  expect(again.lastResponse.headers['original-request']).toBe(first.lastResponse.requestId);
  expect(again.lastResponse.requestId).not.toBe(first.lastResponse.requestId);
  const other = await refused(create('Bob', 'k'));
  expect(other).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
  expect(other.statusCode).toBe(400);
  expect((await stripe.customers.list()).data).toHaveLength(1);

  const decline = () => stripe.paymentIntents.create({ amount: 500, currency: 'usd', payment_method: 'pm_card_chargeDeclined', confirm: true }, { idempotencyKey: 'd' });
  const declined = [await refused(decline()), await refused(decline())];
  expect(declined.map((error) => error.payment_intent?.id)).toEqual([declined[0]!.payment_intent!.id, declined[0]!.payment_intent!.id]);
  expect((await stripe.paymentIntents.list()).data).toHaveLength(1);
});

test('faults become the errors that Stripe’s would', async ({ stripe, sandbox }) => {
  for (const [status, type] of [
    [429, Stripe.errors.StripeRateLimitError],
    [500, Stripe.errors.StripeAPIError],
    [503, Stripe.errors.StripeAPIError],
    [402, Stripe.errors.StripeCardError],
    [403, Stripe.errors.StripePermissionError],
  ] as const) {
    await sandbox.control('POST', '/faults', { stripe: { error_rate: 1, status } });
    const error = await refused(stripe.customers.list());
    expect(error, `${status}`).toBeInstanceOf(type);
    expect(error.statusCode).toBe(status);
  }
  await sandbox.control('POST', '/faults', { stripe: { hang_rate: 1 } });
  const hung = sandbox.client('sk_test_1', { timeout: 300 }).customers.list();
  expect(await refused(hung)).toBeInstanceOf(Stripe.errors.StripeConnectionError);
});

test('a client that tries again gets through, and the work is done once', async ({ stripe, sandbox }) => {
  const stubborn = sandbox.client('sk_test_1', { maxNetworkRetries: 2, timeout: 1000 });
  await sandbox.control('POST', '/faults', { stripe: { hang_rate: 1 } });
  const made = stubborn.customers.create({ name: 'Ada' });
  await new Promise((done) => setTimeout(done, 500));
  await sandbox.control('DELETE', '/faults');
  await made;
  expect((await stripe.customers.list()).data).toHaveLength(1);

  // Done, then answered with an error that is replayed: only another key gets past it, as at Stripe.
  await sandbox.control('POST', '/faults', { stripe: { record_then_error_rate: 1, status: 500 } });
  await refused(stripe.customers.create({ name: 'Bob' }, { idempotencyKey: 'b' }));
  await sandbox.control('DELETE', '/faults');
  expect((await refused(stripe.customers.create({ name: 'Bob' }, { idempotencyKey: 'b' }))).statusCode).toBe(500);
  expect((await stripe.customers.list()).data.map((one) => one.name)).toEqual(['Bob', 'Ada']);
});

test('what cannot be expanded is said, and what can goes four levels deep', async ({ stripe }) => {
  const intent = await paid(stripe);
  expect((await refused(stripe.paymentIntents.retrieve(intent.id, { expand: ['currency'] }))).message).toBe('This property cannot be expanded (currency).');
  expect((await refused(stripe.paymentIntents.list({ expand: ['latest_charge'] }))).message).toContain('cannot be expanded');
  expect((await refused(stripe.paymentIntents.retrieve(intent.id, { expand: ['a.b.c.d.e'] }))).message).toContain('more than 4 levels');
  const list = await stripe.paymentIntents.list({ expand: ['data.latest_charge.payment_intent.payment_method'] });
  const charge = list.data[0]!.latest_charge as Stripe.Charge;
  expect((charge.payment_intent as Stripe.PaymentIntent).payment_method).toMatchObject({ object: 'payment_method', type: 'card' });
});
