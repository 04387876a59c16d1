import { type Running, Stripe, expect, happened, refused, test, types } from './support.ts';

const WEEK = 7 * 86_400;

async function plan(stripe: Stripe, amount = 1000): Promise<string> {
  const price = await stripe.prices.create({ currency: 'usd', unit_amount: amount, recurring: { interval: 'week' }, product_data: { name: 'Club' } });
  return price.id;
}

/** A customer whose card is kept. */
async function customer(stripe: Stripe, method = 'pm_card_visa'): Promise<string> {
  const made = await stripe.customers.create({ payment_method: method, invoice_settings: { default_payment_method: method } });
  return made.id;
}

const about = async (stripe: Stripe, start: string) => (await happened(stripe)).filter((type) => type.startsWith(start));

test('a subscription is paid at once and renewed when its period is over', async ({ stripe, sandbox }) => {
  const price = await plan(stripe);
  const made = await stripe.subscriptions.create({
    customer: await customer(stripe),
    items: [{ price, quantity: 2 }],
    metadata: { tier: 'a' },
    expand: ['latest_invoice.payments'],
  });
  expect(made).toMatchObject({ object: 'subscription', status: 'active', cancel_at_period_end: false, metadata: { tier: 'a' } });
  expect(made).not.toHaveProperty('current_period_end');
  const item = made.items.data[0]!;
  expect(item).toMatchObject({ object: 'subscription_item', quantity: 2, price: { id: price }, plan: { id: price, interval: 'week' } });
  expect(item.current_period_start).toBe(made.created);
  expect(item.current_period_end - item.current_period_start).toBe(WEEK);
  const first = made.latest_invoice as Stripe.Invoice;
  expect(first).toMatchObject({ status: 'paid', billing_reason: 'subscription_create', amount_paid: 2000, amount_remaining: 0 });
  expect(first.parent!.subscription_details!.subscription).toBe(made.id);
  expect(first.lines.data[0]).toMatchObject({ amount: 2000, pricing: { price_details: { price } } });
  const intent = first.payments!.data[0]!.payment.payment_intent as string;
  expect(await stripe.paymentIntents.retrieve(intent)).toMatchObject({ status: 'succeeded', amount: 2000 });

  await sandbox.advance(WEEK);
  const renewed = await stripe.subscriptions.retrieve(made.id);
  expect(renewed.items.data[0]!.current_period_start).toBe(item.current_period_end);
  const invoices = (await stripe.invoices.list({ subscription: made.id })).data;
  expect(invoices.map((invoice) => [invoice.billing_reason, invoice.status])).toEqual([
    ['subscription_cycle', 'paid'],
    ['subscription_create', 'paid'],
  ]);
  expect(await about(stripe, 'customer.subscription')).toEqual([
    'customer.subscription.created',
    'customer.subscription.updated',
    'customer.subscription.updated',
  ]);
  expect(await about(stripe, 'invoice')).toEqual([
    'invoice.created',
    'invoice.finalized',
    'invoice.paid',
    'invoice.payment_succeeded',
    'invoice.created',
    'invoice.finalized',
    'invoice.paid',
    'invoice.payment_succeeded',
  ]);
});

test('a first payment can be left to the customer', async ({ stripe }) => {
  const who = await stripe.customers.create({ email: 'ada@example.com' });
  const price = await plan(stripe);
  expect((await refused(stripe.subscriptions.create({ customer: who.id, items: [{ price }] }))).message).toContain('no attached payment source');
  const made = await stripe.subscriptions.create({
    customer: who.id,
    items: [{ price }],
    payment_behavior: 'default_incomplete',
    payment_settings: { save_default_payment_method: 'on_subscription' },
    expand: ['latest_invoice.confirmation_secret'],
  });
  expect(made).toMatchObject({ status: 'incomplete', latest_invoice: { status: 'open' } });
  const secret = (made.latest_invoice as Stripe.Invoice).confirmation_secret!.client_secret;
  const intent = secret.split('_secret_')[0]!;
  expect((await refused(stripe.paymentIntents.cancel(intent))).message).toContain('belongs to an invoice');
  await refused(stripe.paymentIntents.confirm(intent, { payment_method: 'pm_card_chargeCustomerFail' }));
  expect(await stripe.subscriptions.retrieve(made.id)).toMatchObject({ status: 'incomplete' });
  await stripe.paymentIntents.confirm(intent, { payment_method: 'pm_card_visa' });
  const active = await stripe.subscriptions.retrieve(made.id, { expand: ['default_payment_method'] });
  expect(active).toMatchObject({ status: 'active', default_payment_method: { customer: who.id, card: { last4: '4242' } } });
  expect((await about(stripe, 'invoice')).slice(2)).toEqual(['invoice.payment_failed', 'invoice.paid', 'invoice.payment_succeeded']);
});

test('one that is never paid for ends by itself', async ({ stripe, sandbox }) => {
  const made = await stripe.subscriptions.create({
    customer: await customer(stripe),
    items: [{ price: await plan(stripe) }],
    payment_behavior: 'default_incomplete',
  });
  await sandbox.advance(24 * 3600);
  expect(await stripe.subscriptions.retrieve(made.id)).toMatchObject({ status: 'incomplete_expired' });
  expect(await stripe.invoices.retrieve(made.latest_invoice as string)).toMatchObject({ status: 'void' });
});

test('a declined card leaves it incomplete, or nothing at all', async ({ stripe }) => {
  const who = await customer(stripe, 'pm_card_chargeCustomerFail');
  const price = await plan(stripe);
  const error = await refused(stripe.subscriptions.create({ customer: who, items: [{ price }], payment_behavior: 'error_if_incomplete' }));
  expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
  expect((await stripe.subscriptions.list({ status: 'all' })).data).toEqual([]);
  const made = await stripe.subscriptions.create({ customer: who, items: [{ price }] });
  expect(made).toMatchObject({ status: 'incomplete' });
  expect(await stripe.invoices.retrieve(made.latest_invoice as string)).toMatchObject({ status: 'open', attempt_count: 1, attempted: true });
});

test('a renewal that fails makes it past due until the invoice is paid', async ({ stripe, sandbox }) => {
  const who = await customer(stripe);
  const made = await stripe.subscriptions.create({ customer: who, items: [{ price: await plan(stripe) }] });
  const bad = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer: who });
  await stripe.subscriptions.update(made.id, { default_payment_method: bad.id });
  await sandbox.advance(WEEK);
  const late = await stripe.subscriptions.retrieve(made.id);
  expect(late).toMatchObject({ status: 'past_due' });
  expect(await stripe.customers.retrieve(who)).toMatchObject({ delinquent: true });
  const open = (await stripe.invoices.list({ customer: who, status: 'open' })).data;
  expect(open.map((invoice) => invoice.id)).toEqual([late.latest_invoice]);
  expect(await refused(stripe.invoices.pay(open[0]!.id!))).toMatchObject({ type: 'StripeCardError', code: 'card_declined' });
  expect(await stripe.invoices.pay(open[0]!.id!, { payment_method: 'pm_card_visa' })).toMatchObject({ status: 'paid', attempt_count: 3 });
  expect(await stripe.subscriptions.retrieve(made.id)).toMatchObject({ status: 'active' });
  const changes = (await stripe.events.list({ type: 'customer.subscription.updated' })).data;
  expect(changes[0]!.data.previous_attributes).toEqual({ status: 'past_due' });
});

test('quantity, price and items change, and at least one stays', async ({ stripe }) => {
  const [small, large] = [await plan(stripe, 1000), await plan(stripe, 3000)];
  const made = await stripe.subscriptions.create({ customer: await customer(stripe), items: [{ price: small }], description: 'Club' });
  const id = made.items.data[0]!.id;
  const more = await stripe.subscriptions.update(made.id, { items: [{ id, quantity: 4 }], proration_behavior: 'none' });
  expect(more.items.data.map((item) => [item.price.id, item.quantity])).toEqual([[small, 4]]);
  const other = await stripe.subscriptions.update(made.id, { items: [{ id, price: large }, { price: small }], metadata: { a: '1' }, description: '' });
  expect(other.items.data.map((item) => [item.price.id, item.quantity])).toEqual([
    [large, 4],
    [small, 1],
  ]);
  expect(other).toMatchObject({ metadata: { a: '1' }, description: null });
  const fewer = await stripe.subscriptions.update(made.id, { items: [{ id, deleted: true }] });
  expect(fewer.items.data.map((item) => item.price.id)).toEqual([small]);
  expect((await refused(stripe.subscriptions.update(made.id, { items: [{ id: fewer.items.data[0]!.id, deleted: true }] }))).message).toContain('at least one');
  const once = await stripe.prices.create({ currency: 'usd', unit_amount: 5, product_data: { name: 'x' } });
  expect(await refused(stripe.subscriptions.update(made.id, { items: [{ price: once.id }] }))).toMatchObject({ param: 'items[0][price]' });
  expect(await refused(stripe.subscriptions.update(made.id, { proration_behavior: 'always_invoice' }))).toMatchObject({ param: 'proration_behavior' });
  expect((await stripe.subscriptions.list({ price: small })).data.map((one) => one.id)).toEqual([made.id]);
});

async function active(stripe: Stripe): Promise<Stripe.Subscription> {
  return stripe.subscriptions.create({ customer: await customer(stripe), items: [{ price: await plan(stripe) }] });
}

test('it ends at once, or with its period', async ({ stripe, sandbox }) => {
  const now = await active(stripe);
  const ended = await stripe.subscriptions.cancel(now.id, { cancellation_details: { feedback: 'too_expensive', comment: 'hm' } });
  expect(ended).toMatchObject({ status: 'canceled', cancellation_details: { feedback: 'too_expensive', comment: 'hm', reason: 'cancellation_requested' } });
  expect(ended.ended_at).toBe(ended.canceled_at);
  expect((await refused(stripe.subscriptions.cancel(now.id))).statusCode).toBe(404);
  const later = await active(stripe);
  const ending = await stripe.subscriptions.update(later.id, { cancel_at_period_end: true });
  expect(ending).toMatchObject({ status: 'active', cancel_at_period_end: true, cancel_at: later.items.data[0]!.current_period_end });
  expect((await stripe.subscriptions.list()).data.map((one) => one.id)).toEqual([later.id]);
  await sandbox.advance(WEEK);
  expect(await stripe.subscriptions.retrieve(later.id)).toMatchObject({ status: 'canceled', ended_at: ending.cancel_at });
  expect((await stripe.subscriptions.list({ status: 'canceled' })).data).toHaveLength(2);
  expect(await about(stripe, 'customer.subscription.deleted')).toHaveLength(2);
});

test('a pause keeps anybody from being charged', async ({ stripe, sandbox }) => {
  const made = await active(stripe);
  const paused = await stripe.subscriptions.update(made.id, { pause_collection: { behavior: 'void' } });
  expect(paused.pause_collection).toEqual({ behavior: 'void', resumes_at: null });
  await sandbox.advance(WEEK);
  const statuses = async () => (await stripe.invoices.list({ subscription: made.id })).data.map((invoice) => invoice.status);
  expect(await statuses()).toEqual(['void', 'paid']);
  expect((await stripe.subscriptions.update(made.id, { pause_collection: '' })).pause_collection).toBeNull();
  await sandbox.advance(WEEK);
  expect(await statuses()).toEqual(['paid', 'void', 'paid']);
});

test('a customer who is deleted takes the subscriptions along', async ({ stripe }) => {
  const made = await active(stripe);
  await stripe.customers.del(made.customer as string);
  expect(await stripe.subscriptions.retrieve(made.id)).toMatchObject({ status: 'canceled' });
});

test('triggers act on subscriptions and invoices that are there', async ({ stripe, sandbox }) => {
  const made = await active(stripe);
  const next = async (type: string, object: object) => (await sandbox.trigger(type, object))['data'].object;
  expect(await next('customer.subscription.updated', { id: made.id, status: 'unpaid' })).toMatchObject({ id: made.id, status: 'unpaid', items: {} });
  expect(await stripe.subscriptions.retrieve(made.id)).toMatchObject({ status: 'unpaid' });
  await next('customer.subscription.paused', { id: made.id });
  expect(await stripe.subscriptions.retrieve(made.id)).toMatchObject({ status: 'paused' });
  await next('customer.subscription.resumed', { id: made.id });
  await stripe.subscriptions.update(made.id, { pause_collection: { behavior: 'mark_uncollectible' } });
  await sandbox.advance(WEEK);
  const owed = (await stripe.invoices.list({ status: 'uncollectible' })).data[0]!.id;
  expect(await next('invoice.payment_failed', { id: owed })).toMatchObject({ id: owed, attempt_count: 1 });
  expect(await stripe.subscriptions.retrieve(made.id)).toMatchObject({ status: 'past_due' });
  await next('invoice.paid', { id: owed });
  expect(await stripe.invoices.retrieve(owed!)).toMatchObject({ status: 'paid' });
  await next('customer.subscription.deleted', { id: made.id });
  expect(await stripe.subscriptions.retrieve(made.id)).toMatchObject({ status: 'canceled' });
});

async function subscribed(stripe: Stripe, sandbox: Running, cardNumber: string, more: object = {}) {
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    success_url: 'https://shop.example/done',
    customer_email: 'ada@example.com',
    subscription_data: { metadata: { from: 'checkout' } },
    line_items: [{ price: await plan(stripe), quantity: 1 }],
    ...more,
  });
  const answer = await sandbox.tried('POST', `/stripe/sessions/${session.id}/pay`, { card: cardNumber });
  return { answer, session: await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription', 'invoice', 'customer'] }) };
}

test('Checkout begins a subscription, and only with a card that pays', async ({ stripe, sandbox }) => {
  for (const number of ['4242424242424242', '4000002500003155']) {
    const { session } = await subscribed(stripe, sandbox, number);
    expect(session).toMatchObject({
      mode: 'subscription',
      status: 'complete',
      payment_status: 'paid',
      payment_intent: null,
      customer: { email: 'ada@example.com' },
      subscription: { status: 'active', metadata: { from: 'checkout' } },
      invoice: { status: 'paid', billing_reason: 'subscription_create' },
    });
    const found = await stripe.checkout.sessions.list({ subscription: (session.subscription as Stripe.Subscription).id });
    expect(found.data.map((one) => one.id)).toEqual([session.id]);
  }
  const declined = await subscribed(stripe, sandbox, '4000000000000002');
  expect([declined.answer.status, declined.session.status, declined.session.subscription]).toEqual([402, 'open', null]);
  expect((await stripe.subscriptions.list()).data).toHaveLength(2);
  const kinds = types((await stripe.events.list({ type: 'checkout.session.completed' })).data);
  expect(kinds).toHaveLength(2);
});
