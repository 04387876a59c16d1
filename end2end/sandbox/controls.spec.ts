import { Running, expect, happened, paid, test } from './support.ts';

test('the sandbox runs alone and says where', async ({ sandbox }) => {
  expect(sandbox.log).toContain(`sandbox on ${sandbox.url}`);
  expect(await (await fetch(`${sandbox.url}/sandbox`)).text()).toContain('/sandbox/stripe/trigger');
});

test('a reset forgets everything, and the clock goes back', async ({ stripe, sandbox }) => {
  await paid(stripe);
  await sandbox.advance(86_400);
  await sandbox.control('POST', '/faults', { delivery: { twin_rate: 0.5 }, stripe: { latency_ms: 1 } });
  expect(await sandbox.control('POST', '/reset', {})).toEqual({ reset: true });
  expect((await stripe.paymentIntents.list()).data).toEqual([]);
  expect((await stripe.events.list()).data).toEqual([]);
  const faults = await sandbox.control('GET', '/faults');
  expect([faults['delivery'].twin_rate, faults['stripe'].latency_ms]).toEqual([0, 0]);
  const { now } = await sandbox.control('POST', '/clock', { advance_seconds: 0 });
  expect(Math.abs(now - Date.now() / 1000)).toBeLessThan(5);
  expect((await stripe.webhookEndpoints.list()).data[0]).toMatchObject({ enabled_events: ['*'] });
});

test('an object that nobody knows is triggered as it was given, and without one a plausible one is', async ({ stripe, sandbox }) => {
  const object = { id: 'obj_mine', amount: 7 };
  expect((await sandbox.trigger('something.happened', object))['data'].object).toEqual(object);
  expect((await sandbox.trigger('charge.dispute.closed', { id: 'du_none', status: 'lost' }))['data'].object).toEqual({ id: 'du_none', status: 'lost' });
  expect((await stripe.disputes.list()).data).toEqual([]);
  const made = (await sandbox.trigger('refund.created'))['data'].object;
  expect(made).toMatchObject({ object: 'refund', status: 'succeeded' });
  const intent = await paid(stripe);
  expect((await sandbox.trigger('charge.dispute.created'))['data'].object).toMatchObject({ payment_intent: intent.id, charge: intent.latest_charge });
  const known = (await sandbox.trigger('payment_intent.succeeded', { id: intent.id, amount: 1 }))['data'].object;
  expect(known).toMatchObject({ id: intent.id, object: 'payment_intent', amount: 1, currency: 'usd' });
  expect(await happened(stripe)).toContain('something.happened');
  for (const wrong of [{}, { type: '' }, { type: 'a.b', object: 7 }, { type: 'a.b', tea: 1 }]) {
    expect((await sandbox.tried('POST', '/stripe/trigger', wrong)).status).toBe(400);
  }
});

test('it refuses addresses that other machines reach', async () => {
  const started = Running.start({ SANDBOX_ADDR: '0.0.0.0:0' });
  await expect(started).rejects.toThrow(/did not start/);
});
