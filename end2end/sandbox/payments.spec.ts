import { Stripe, card, expect, happened, paid, refused, test } from './support.ts';

const order = { amount: 5000, currency: 'usd' } as const;

test('a payment is made, confirmed and charged', async ({ stripe }) => {
  const made = await stripe.paymentIntents.create({ ...order, description: 'One cup', receipt_email: 'ada@example.com', metadata: { order: '7' } });
  expect(made).toMatchObject({ status: 'requires_payment_method', amount: 5000, amount_received: 0, latest_charge: null });
  expect(made.client_secret).toMatch(new RegExp(`^${made.id}_secret_`));
  const chosen = await stripe.paymentIntents.update(made.id, { payment_method: 'pm_card_visa', amount: 6000, metadata: { order: '8' } });
  expect(chosen).toMatchObject({ status: 'requires_confirmation', amount: 6000, metadata: { order: '8' } });

  const done = await stripe.paymentIntents.confirm(made.id, { expand: ['latest_charge', 'payment_method'] });
  expect(done).toMatchObject({ status: 'succeeded', amount_received: 6000, next_action: null, last_payment_error: null });
  expect(done.payment_method).toMatchObject({ type: 'card', card: { last4: '4242' } });
  const charge = done.latest_charge as Stripe.Charge;
  expect(charge).toMatchObject({
    status: 'succeeded',
    paid: true,
    captured: true,
    amount_captured: 6000,
    amount_refunded: 0,
    payment_intent: made.id,
    description: 'One cup',
    metadata: { order: '8' },
    payment_method_details: { type: 'card', card: { brand: 'visa' } },
  });
  expect((await stripe.charges.list({ payment_intent: made.id })).data.map((one) => one.id)).toEqual([charge.id]);
  expect(await stripe.charges.retrieve(charge.id)).toMatchObject({ id: charge.id, amount: 6000 });
  expect((await stripe.paymentIntents.list()).data.map((one) => one.id)).toEqual([made.id]);
  expect(await happened(stripe)).toEqual(['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded']);
});

test('a declined card is an error that shows the payment, and another card pays', async ({ stripe }) => {
  const error = await refused(paid(stripe, 5000, { payment_method: 'pm_card_chargeDeclinedInsufficientFunds' }));
  expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
  expect(error).toMatchObject({ statusCode: 402, code: 'card_declined', decline_code: 'insufficient_funds' });
  expect(error.message).toBe('Your card has insufficient funds.');
  const intent = error.payment_intent!;
  expect(intent).toMatchObject({ status: 'requires_payment_method', payment_method: null });
  expect(intent.last_payment_error).toMatchObject({ code: 'card_declined', decline_code: 'insufficient_funds', charge: error.charge });
  expect(error.payment_method).toMatchObject({ object: 'payment_method', card: { last4: '9995' } });
  expect(await stripe.charges.retrieve(error.charge!)).toMatchObject({ status: 'failed', paid: false, failure_code: 'card_declined' });

  expect(await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' })).toMatchObject({ status: 'succeeded' });
  expect(await happened(stripe)).toEqual([
    'payment_intent.created',
    'charge.failed',
    'payment_intent.payment_failed',
    'charge.succeeded',
    'payment_intent.succeeded',
  ]);
});

for (const [outcome, status] of [
  ['approve', 'succeeded'],
  ['fail', 'requires_payment_method'],
] as const) {
  test(`the bank asks on a page of its own, and the customer comes back: ${outcome}`, async ({ stripe }) => {
    const asked = await stripe.paymentIntents.create({
      ...order,
      payment_method: 'pm_card_threeDSecure2Required',
      confirm: true,
      return_url: 'https://shop.example/back?a=1',
    });
    expect(asked).toMatchObject({ status: 'requires_action', next_action: { type: 'redirect_to_url' } });
    const page = asked.next_action!.redirect_to_url!;
    expect(page.return_url).toBe('https://shop.example/back?a=1');
    expect(await (await fetch(page.url!)).text()).toContain('Approve authentication');
    const back = await fetch(page.url!, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ pay: `authenticate:${outcome}` }) });
    const url = new URL(back.headers.get('location')!);
    expect([url.origin, url.searchParams.get('a'), url.searchParams.get('payment_intent')]).toEqual(['https://shop.example', '1', asked.id]);
    expect(url.searchParams.get('redirect_status')).toBe(outcome === 'approve' ? 'succeeded' : 'failed');
    expect(await stripe.paymentIntents.retrieve(asked.id)).toMatchObject({ status, next_action: null });
  });
}

test('without a way back the client asks, and a control answers for the bank', async ({ stripe, sandbox }) => {
  const asked = await paid(stripe, 5000, { payment_method: 'pm_card_authenticationRequired' });
  expect(asked).toMatchObject({ status: 'requires_action', next_action: { type: 'use_stripe_sdk' } });
  await sandbox.control('POST', `/stripe/payment_intents/${asked.id}/settle`, { outcome: 'succeed' });
  expect(await stripe.paymentIntents.retrieve(asked.id)).toMatchObject({ status: 'succeeded' });
  expect((await sandbox.tried('POST', `/stripe/payment_intents/${asked.id}/settle`, { outcome: 'fail' })).status).toBe(409);
  const nobody = await refused(paid(stripe, 5000, { payment_method: 'pm_card_authenticationRequired', off_session: true }));
  expect(nobody).toMatchObject({ code: 'authentication_required', decline_code: 'authentication_required' });
});

test('a debit is under way first and settles later, well or not', async ({ stripe, sandbox }) => {
  const debit = (name: string) => paid(stripe, 5000, { payment_method: name });
  const good = await debit('pm_usBankAccount_success');
  expect(good).toMatchObject({ status: 'processing', processing: { type: 'us_bank_account' } });
  expect(await stripe.charges.retrieve(good.latest_charge as string)).toMatchObject({ status: 'pending', paid: false });
  await sandbox.advance(60);
  expect(await stripe.paymentIntents.retrieve(good.id)).toMatchObject({ status: 'succeeded', amount_received: 5000 });
  const bad = await debit('pm_usBankAccount_insufficientFunds');
  await sandbox.advance(60);
  expect(await stripe.paymentIntents.retrieve(bad.id)).toMatchObject({ status: 'requires_payment_method' });
  expect((await happened(stripe)).filter((type) => type.startsWith('payment_intent'))).toEqual([
    'payment_intent.created',
    'payment_intent.processing',
    'payment_intent.succeeded',
    'payment_intent.created',
    'payment_intent.processing',
    'payment_intent.payment_failed',
  ]);
});

test('money can be reserved and captured, or let go', async ({ stripe }) => {
  const held = await paid(stripe, 5000, { capture_method: 'manual' });
  expect(held).toMatchObject({ status: 'requires_capture', amount_capturable: 5000, amount_received: 0 });
  expect(await stripe.paymentIntents.capture(held.id, { amount_to_capture: 3000 })).toMatchObject({ status: 'succeeded', amount_received: 3000 });
  expect((await refused(stripe.paymentIntents.capture(held.id))).code).toBe('payment_intent_unexpected_state');
  const gone = await paid(stripe, 5000, { capture_method: 'manual' });
  const canceled = await stripe.paymentIntents.cancel(gone.id, { cancellation_reason: 'requested_by_customer' });
  expect(canceled).toMatchObject({ status: 'canceled', cancellation_reason: 'requested_by_customer', amount_capturable: 0 });
  expect(await happened(stripe)).toEqual([
    'payment_intent.created',
    'charge.succeeded',
    'payment_intent.amount_capturable_updated',
    'charge.captured',
    'payment_intent.succeeded',
    'payment_intent.created',
    'charge.succeeded',
    'payment_intent.amount_capturable_updated',
    'payment_intent.canceled',
  ]);
});

test('what a payment does not allow in its state is refused with the payment shown', async ({ stripe }) => {
  const done = await paid(stripe);
  for (const call of [
    () => stripe.paymentIntents.confirm(done.id),
    () => stripe.paymentIntents.cancel(done.id),
    () => stripe.paymentIntents.update(done.id, { amount: 1 }),
  ]) {
    const error = await refused(call());
    expect(error).toMatchObject({ type: 'StripeInvalidRequestError', statusCode: 400, code: 'payment_intent_unexpected_state' });
    expect(error.payment_intent?.id).toBe(done.id);
  }
  expect(await stripe.paymentIntents.update(done.id, { metadata: { late: '1' } })).toMatchObject({ metadata: { late: '1' } });

  const bare = await stripe.paymentIntents.create({ ...order, ...card });
  expect((await refused(stripe.paymentIntents.confirm(bare.id))).message).toContain("it's missing a payment method");
  expect(await stripe.paymentIntents.cancel(bare.id)).toMatchObject({ status: 'canceled', cancellation_reason: null });
  expect((await refused(stripe.paymentIntents.confirm(bare.id, { payment_method: 'pm_card_visa' }))).code).toBe('payment_intent_unexpected_state');

  for (const [params, expected] of [
    [{ ...order, amount: 49 }, { code: 'amount_too_small', param: 'amount' }],
    [{ ...order, amount: 100_000_000 }, { code: 'amount_too_large', param: 'amount' }],
    [{ ...order, currency: 'money' }, { param: 'currency' }],
    [{ ...order, payment_method: 'pm_card_nobody' }, { code: 'resource_missing', param: 'payment_method' }],
    [{ ...order, payment_method_types: ['card'], payment_method: 'pm_usBankAccount_success' }, { param: 'payment_method' }],
    [{ ...order, payment_method_types: ['barter'] }, { param: 'payment_method_types[0]' }],
    [{ ...order, transfer_group: 'x' }, { param: 'transfer_group' }],
    [{ ...order, colour: 'red' }, { code: 'parameter_unknown', param: 'colour' }],
    [{ ...order, automatic_payment_methods: { enabled: true }, confirm: true, payment_method: 'pm_card_visa' }, { statusCode: 400 }],
  ] as [Stripe.PaymentIntentCreateParams, Record<string, unknown>][]) {
    expect(await refused(stripe.paymentIntents.create(params)), JSON.stringify(params)).toMatchObject(expected);
  }
  // A request that is wrong leaves nothing behind.
  expect((await stripe.paymentIntents.list()).data.map((one) => one.id)).toEqual([bare.id, done.id]);
  expect((await happened(stripe)).filter((type) => type === 'payment_intent.created')).toHaveLength(2);
});

test('a payment of Checkout is nobody else’s', async ({ stripe, sandbox }) => {
  const session = await stripe.checkout.sessions.create({
    mode: 'payment',
    success_url: 'https://shop.example/done',
    line_items: [{ quantity: 2, price_data: { currency: 'usd', unit_amount: 700, product_data: { name: 'Cup' } } }],
  });
  await sandbox.tried('POST', `/stripe/sessions/${session.id}/pay`, { card: '4000000000000002' });
  const { payment_intent } = await stripe.checkout.sessions.retrieve(session.id);
  const id = payment_intent as string;
  for (const call of [() => stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' }), () => stripe.paymentIntents.cancel(id)]) {
    expect((await refused(call())).message).toContain('created by Checkout');
  }
  expect(await stripe.paymentIntents.retrieve(id)).toMatchObject({ status: 'requires_payment_method', amount: 1400 });
});
