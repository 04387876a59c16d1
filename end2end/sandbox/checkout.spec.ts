import { type Stripe, expect, happened, refused, test } from './support.ts';

const order = (more: Partial<Stripe.Checkout.SessionCreateParams> = {}): Stripe.Checkout.SessionCreateParams => ({
  mode: 'payment',
  success_url: 'https://shop.example/done?session_id={CHECKOUT_SESSION_ID}',
  line_items: [{ quantity: 2, price_data: { currency: 'usd', unit_amount: 700, product_data: { name: 'Cup' } } }],
  ...more,
});

test('a session is created, paid and expanded', async ({ stripe, sandbox }) => {
  const made = await stripe.checkout.sessions.create(
    order({ customer_creation: 'always', metadata: { color: 'Red' }, payment_intent_data: { metadata: { order: '7' } } }),
  );
  expect(made).toMatchObject({ status: 'open', payment_status: 'unpaid', amount_total: 1400, currency: 'usd', customer: null, livemode: false });
  expect(made.url).toBe(`${sandbox.url}/c/pay/${made.id}`);
  const lines = await stripe.checkout.sessions.listLineItems(made.id, { expand: ['data.price.product'] });
  expect(lines.data[0]).toMatchObject({ object: 'item', quantity: 2, amount_total: 1400, price: { active: false, product: { name: 'Cup' } } });
  const paid = await sandbox.control('POST', `/stripe/sessions/${made.id}/pay`, { card: '4242424242424242' });
  expect(paid).toMatchObject({ status: 'complete', payment_status: 'paid', url: null });

  const whole = await stripe.checkout.sessions.retrieve(made.id, { expand: ['payment_intent.latest_charge', 'customer', 'line_items'] });
  const intent = whole.payment_intent as Stripe.PaymentIntent;
  expect(intent).toMatchObject({ status: 'succeeded', metadata: { order: '7' }, latest_charge: { amount: 1400, status: 'succeeded' } });
  expect(whole.customer).toMatchObject({ email: 'jenny.rosen@example.com' });
  expect(whole.line_items!.data).toHaveLength(1);
  expect((await stripe.checkout.sessions.list({ payment_intent: intent.id })).data.map((one) => one.id)).toEqual([made.id]);
  expect(await happened(stripe)).toEqual([
    'product.created',
    'price.created',
    'payment_intent.created',
    'charge.succeeded',
    'payment_intent.succeeded',
    'customer.created',
    'checkout.session.completed',
  ]);
});

test('a customer who is known is not made again', async ({ stripe, sandbox }) => {
  const ada = await stripe.customers.create({ email: 'ada@example.com' });
  const made = await stripe.checkout.sessions.create(order({ customer: ada.id }));
  expect(made).toMatchObject({ customer: ada.id, customer_email: null, customer_creation: null, customer_details: { email: 'ada@example.com' } });
  expect(await (await fetch(made.url!)).text()).toContain('ada@example.com');
  await sandbox.control('POST', `/stripe/sessions/${made.id}/pay`, { card: '4242424242424242' });
  const intent = await stripe.checkout.sessions.retrieve(made.id, { expand: ['payment_intent'] });
  expect(intent.payment_intent).toMatchObject({ customer: ada.id });
  expect((await stripe.customers.list()).data).toHaveLength(1);
  expect(await refused(stripe.checkout.sessions.create(order({ customer: 'cus_none' })))).toMatchObject({ code: 'resource_missing', param: 'customer' });
  expect(await refused(stripe.checkout.sessions.create(order({ customer: ada.id, customer_email: 'a@b.co' })))).toMatchObject({ statusCode: 400 });
});

test('a session expires by hand, by the clock and by trigger', async ({ stripe, sandbox }) => {
  const [one, two, three] = await Promise.all([order(), order(), order()].map((params) => stripe.checkout.sessions.create(params)));
  expect(await stripe.checkout.sessions.expire(one!.id)).toMatchObject({ status: 'expired', url: null });
  expect((await refused(stripe.checkout.sessions.expire(one!.id))).message).toContain('["open"]');
  const event = await sandbox.trigger('checkout.session.expired', { id: two!.id });
  expect(event['data'].object).toMatchObject({ id: two!.id, status: 'expired' });
  expect(await stripe.checkout.sessions.retrieve(two!.id)).toMatchObject({ status: 'expired' });
  await sandbox.advance(86_400);
  expect((await stripe.checkout.sessions.list({ status: 'expired' })).data).toHaveLength(3);
  expect(three!.expires_at - three!.created).toBe(86_400);
  expect((await happened(stripe)).filter((type) => type === 'checkout.session.expired')).toHaveLength(3);
});

test('a delayed payment settles later, well or not', async ({ stripe, sandbox }) => {
  for (const [outcome, status] of [
    ['succeed', 'paid'],
    ['fail', 'unpaid'],
  ]) {
    const { id } = await stripe.checkout.sessions.create(order());
    const paid = await sandbox.control('POST', `/stripe/sessions/${id}/pay`, { method: 'delayed', outcome });
    expect(paid).toMatchObject({ status: 'complete', payment_status: 'unpaid' });
    const intent = await stripe.paymentIntents.retrieve(paid['payment_intent'] as string);
    expect(intent.status).toBe('processing');
    await sandbox.advance(60);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({ payment_status: status });
    const last = (await stripe.events.list({ limit: 1 })).data[0]!;
    expect(last.type).toBe(outcome === 'succeed' ? 'checkout.session.async_payment_succeeded' : 'checkout.session.async_payment_failed');
  }
});

test('a recurring price needs a subscription, and a subscription a recurring price', async ({ stripe }) => {
  const monthly = { currency: 'usd', unit_amount: 700, product_data: { name: 'Club' }, recurring: { interval: 'month' } } as const;
  expect(await refused(stripe.checkout.sessions.create(order({ line_items: [{ quantity: 1, price_data: monthly }] })))).toMatchObject({
    param: 'line_items[0][price]',
  });
  expect(await refused(stripe.checkout.sessions.create(order({ mode: 'subscription' })))).toMatchObject({ param: 'line_items[0][price]' });
  expect(await refused(stripe.checkout.sessions.create(order({ mode: 'setup' })))).toMatchObject({ param: 'mode' });
});
