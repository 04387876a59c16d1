import { expect, happened, refused, test } from './support.ts';

test('products are made, changed, listed and deleted', async ({ stripe }) => {
  const book = await stripe.products.create({ name: 'Book', description: 'Of paper', metadata: { shelf: '3' }, images: ['https://example.com/a.png'] });
  expect(book).toMatchObject({ object: 'product', active: true, name: 'Book', default_price: null, type: 'service' });
  const changed = await stripe.products.update(book.id, { active: false, description: '', metadata: { shelf: '' } });
  expect(changed).toMatchObject({ active: false, description: null, metadata: {}, name: 'Book' });
  expect((await stripe.products.list({ active: false })).data.map((one) => one.id)).toEqual([book.id]);
  expect((await stripe.products.list({ ids: [book.id] })).data).toHaveLength(1);

  const named = await stripe.products.create({ id: 'prod_named', name: 'Named', default_price_data: { currency: 'eur', unit_amount: 700 } });
  expect((await refused(stripe.products.create({ id: 'prod_named', name: 'Again' }))).code).toBe('resource_already_exists');
  const whole = await stripe.products.retrieve(named.id, { expand: ['default_price'] });
  expect(whole.default_price).toMatchObject({ object: 'price', unit_amount: 700, currency: 'eur', product: 'prod_named' });
  expect((await refused(stripe.products.del(named.id))).message).toContain('has one or more user-created prices');
  expect(await stripe.products.del(book.id)).toEqual({ id: book.id, object: 'product', deleted: true });
  expect((await refused(stripe.products.retrieve(book.id))).code).toBe('resource_missing');
  expect(await happened(stripe)).toEqual(['product.created', 'product.updated', 'price.created', 'product.created', 'product.deleted']);
});

test('prices are for once or for each period, and what they cost never changes', async ({ stripe }) => {
  const once = await stripe.prices.create({ currency: 'usd', unit_amount: 1500, product_data: { name: 'Cup' }, nickname: 'blue', lookup_key: 'cup' });
  expect(once).toMatchObject({ type: 'one_time', recurring: null, unit_amount: 1500, unit_amount_decimal: '1500', nickname: 'blue' });
  const monthly = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 900,
    product: once.product as string,
    recurring: { interval: 'month', interval_count: 3 },
    expand: ['product'],
  });
  expect(monthly.recurring).toEqual({ interval: 'month', interval_count: 3, meter: null, trial_period_days: null, usage_type: 'licensed' });
  expect(monthly.product).toMatchObject({ name: 'Cup' });
  expect((await stripe.prices.list({ type: 'recurring' })).data.map((one) => one.id)).toEqual([monthly.id]);
  expect((await stripe.prices.list({ lookup_keys: ['cup'] })).data.map((one) => one.id)).toEqual([once.id]);
  expect((await stripe.prices.list({ currency: 'eur' })).data).toEqual([]);
  expect(await stripe.prices.update(once.id, { active: false, nickname: '' })).toMatchObject({ active: false, nickname: null });
  expect((await refused(stripe.prices.update(once.id, { unit_amount: 1 } as object))).code).toBe('parameter_unknown');
  const wrong = await refused(stripe.prices.create({ currency: 'usd', unit_amount: 5, product: 'prod_none' }));
  expect(wrong).toMatchObject({ code: 'resource_missing', param: 'product' });
  expect(await happened(stripe)).toEqual(['product.created', 'price.created', 'price.created', 'price.updated']);
});

test('what Stripe has and the sandbox has not is refused in so many words', async ({ stripe }) => {
  const tiers = await refused(stripe.prices.create({ currency: 'usd', unit_amount: 1, product_data: { name: 'x' }, tax_behavior: 'inclusive' }));
  expect(tiers).toMatchObject({ type: 'StripeInvalidRequestError', param: 'tax_behavior' });
  expect(tiers.message).toContain('this sandbox does not support it yet');
  expect((await refused(stripe.coupons.list())).message).toContain('Unrecognized request URL (GET: /v1/coupons)');
});
