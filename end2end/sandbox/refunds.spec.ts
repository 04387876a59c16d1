import { type Stripe, expect, happened, paid, refused, test } from './support.ts';

test('money goes back in part and then in whole', async ({ stripe }) => {
  const intent = await paid(stripe, 5000);
  const charge = intent.latest_charge as string;
  const part = await stripe.refunds.create({ payment_intent: intent.id, amount: 2000, reason: 'requested_by_customer', metadata: { why: 'late' } });
  expect(part).toMatchObject({ object: 'refund', status: 'succeeded', amount: 2000, charge, payment_intent: intent.id, reason: 'requested_by_customer' });
  expect(await stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 2000, refunded: false });
  const much = await refused(stripe.refunds.create({ charge, amount: 3001 }));
  expect(much.message).toBe('Refund amount ($30.01) is greater than unrefunded amount on charge ($30.00)');
  const rest = await stripe.refunds.create({ charge, expand: ['charge', 'payment_intent'] });
  expect(rest).toMatchObject({ amount: 3000, charge: { refunded: true, amount_refunded: 5000 }, payment_intent: { id: intent.id } });
  expect(await refused(stripe.refunds.create({ payment_intent: intent.id }))).toMatchObject({ code: 'charge_already_refunded', statusCode: 400 });

  expect((await stripe.refunds.list({ payment_intent: intent.id })).data.map((one) => one.id)).toEqual([rest.id, part.id]);
  expect((await stripe.refunds.list({ charge: 'ch_other' })).data).toEqual([]);
  const whole = await stripe.charges.retrieve(charge, { expand: ['refunds'] });
  expect(whole.refunds!.data.map((one) => one.id)).toEqual([rest.id, part.id]);
  expect(await stripe.refunds.update(part.id, { metadata: { why: 'later' } })).toMatchObject({ metadata: { why: 'later' } });
  expect(await stripe.refunds.retrieve(part.id)).toMatchObject({ metadata: { why: 'later' } });
  expect((await happened(stripe)).slice(3)).toEqual([
    'refund.created',
    'charge.refunded',
    'refund.created',
    'charge.refunded',
    'refund.updated',
    'charge.refund.updated',
  ]);
});

test('what cannot be refunded is said to be so', async ({ stripe }) => {
  const open = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' });
  expect((await refused(stripe.refunds.create({ payment_intent: open.id }))).message).toContain('does not have a successful charge');
  expect(await refused(stripe.refunds.create({ payment_intent: 'pi_none' }))).toMatchObject({ code: 'resource_missing', param: 'payment_intent' });
  expect((await refused(stripe.refunds.create({}))).code).toBe('parameter_missing');
  const intent = await paid(stripe, 5000);
  expect(await refused(stripe.refunds.create({ payment_intent: intent.id, amount: 0 }))).toMatchObject({ param: 'amount' });
  expect(await refused(stripe.refunds.create({ payment_intent: intent.id, reason: 'whim' } as object))).toMatchObject({ param: 'reason' });
  expect((await refused(stripe.refunds.create({ payment_intent: intent.id, amount: 5001 }))).message).toContain('greater than charge amount');
});

test('a refund is triggered, and fails after all', async ({ stripe, sandbox }) => {
  const intent = await paid(stripe, 5000);
  const charge = intent.latest_charge as string;
  const event = await sandbox.trigger('charge.refunded', { payment_intent: intent.id, amount: 1500 });
  expect(event).toMatchObject({ type: 'charge.refunded', data: { object: { id: charge, amount: 5000, amount_refunded: 1500, refunded: false } } });
  const created = await sandbox.trigger('refund.created', { payment_intent: intent.id });
  expect(created['data'].object).toMatchObject({ object: 'refund', amount: 3500, status: 'succeeded' });
  expect((await stripe.refunds.list({ charge })).data).toHaveLength(2);

  const failed = await sandbox.trigger('refund.failed', { id: created['data'].object.id, failure_reason: 'lost_or_stolen_card' });
  expect(failed['data'].object).toMatchObject({ status: 'failed', failure_reason: 'lost_or_stolen_card' });
  expect(await stripe.refunds.retrieve(created['data'].object.id)).toMatchObject({ status: 'failed' });
  expect(await stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 1500, refunded: false });
  await sandbox.trigger('refund.updated', { id: created['data'].object.id, status: 'succeeded' });
  expect(await stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 5000, refunded: true });
  expect((await sandbox.tried('POST', '/stripe/trigger', { type: 'refund.created', object: { charge } })).status).toBe(400);
  const last = (await stripe.events.list({ type: 'refund.failed' })).data[0]!.data.object as Stripe.Refund;
  expect(last.failure_reason).toBe('lost_or_stolen_card');
});

test('a dispute is opened, changed and closed', async ({ stripe, sandbox }) => {
  const intent = await paid(stripe, 5000);
  const charge = intent.latest_charge as string;
  const opened = await sandbox.trigger('charge.dispute.created', { payment_intent: intent.id, reason: 'fraudulent', amount: 4000 });
  const { id } = opened['data'].object;
  expect(id).toMatch(/^du_/);
  const dispute = await stripe.disputes.retrieve(id, { expand: ['charge'] });
  expect(dispute).toMatchObject({ status: 'needs_response', reason: 'fraudulent', amount: 4000, is_charge_refundable: false });
  expect(dispute.charge).toMatchObject({ id: charge, disputed: true });
  expect((await stripe.disputes.list({ charge })).data.map((one) => one.id)).toEqual([id]);
  expect((await stripe.disputes.list({ payment_intent: 'pi_other' })).data).toEqual([]);
  expect((await refused(stripe.refunds.create({ charge }))).code).toBe('charge_disputed');

  await sandbox.trigger('charge.dispute.funds_withdrawn', { id });
  await sandbox.trigger('charge.dispute.updated', { id, status: 'under_review' });
  expect(await stripe.disputes.retrieve(id)).toMatchObject({ status: 'under_review' });
  expect((await sandbox.trigger('charge.dispute.closed', { id, status: 'won' }))['data'].object.status).toBe('won');
  await sandbox.trigger('charge.dispute.funds_reinstated', { id });
  expect(await stripe.disputes.retrieve(id)).toMatchObject({ status: 'won', is_charge_refundable: true });
  expect((await sandbox.tried('POST', '/stripe/trigger', { type: 'charge.dispute.closed', object: { id, status: 'maybe' } })).status).toBe(400);
  expect((await happened(stripe)).filter((type) => type.startsWith('charge.dispute'))).toEqual([
    'charge.dispute.created',
    'charge.dispute.funds_withdrawn',
    'charge.dispute.updated',
    'charge.dispute.closed',
    'charge.dispute.funds_reinstated',
  ]);
});

test('one card is always disputed, and a shop can give in', async ({ stripe }) => {
  const intent = await paid(stripe, 5000, { payment_method: 'pm_card_createDispute' });
  const [dispute] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
  expect(await stripe.disputes.close(dispute!.id)).toMatchObject({ status: 'lost' });
  await refused(stripe.disputes.close(dispute!.id));
});
