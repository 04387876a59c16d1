// What the merchant has in the end, on Firestore: documents, read through the emulator's own interface.

import type { Preorder, Records, WebhookLog } from './records.ts';

type Value = Record<string, unknown>;

export class Documents implements Records {
  private readonly documents: string;

  constructor(host: string, project: string) {
    this.documents = `http://${host}/v1/projects/${project}/databases/(default)/documents`;
  }

  async close(): Promise<void> {}

  async preordersOf(email: string): Promise<Preorder[]> {
    return (await this.where('preorders', 'email', email, 'created_at')) as unknown as Preorder[];
  }

  async logsOf(preorderId: string): Promise<WebhookLog[]> {
    return (await this.where('webhook_logs', 'preorder_id', preorderId, 'received_at')) as unknown as WebhookLog[];
  }

  async change(): Promise<void> {
    throw new Error('changes are written in SQL, and this shop is on Firestore');
  }

  private async where(collection: string, field: string, value: string, order: string): Promise<Value[]> {
    const answer = await fetch(`${this.documents}:runQuery`, {
      method: 'POST',
      headers: { authorization: 'Bearer owner', 'content-type': 'application/json' },
      body: JSON.stringify({
        structuredQuery: {
          from: [{ collectionId: collection }],
          where: { fieldFilter: { field: { fieldPath: field }, op: 'EQUAL', value: { stringValue: value } } },
          orderBy: [{ field: { fieldPath: order } }],
        },
      }),
    });
    if (!answer.ok) throw new Error(`Firestore answered ${answer.status}: ${await answer.text()}`);
    const found = (await answer.json()) as { document?: { fields: Record<string, Value> } }[];
    return found.flatMap(({ document }) => (document ? [plain(document.fields)] : []));
  }
}

function plain(fields: Record<string, Value>): Value {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, one(value)]));
}

// Numbers stay text, as PostgreSQL's driver gives its large ones.
function one(value: Value): unknown {
  const map = value['mapValue'] as { fields?: Record<string, Value> } | undefined;
  if (map) return plain(map.fields ?? {});
  return Object.values(value)[0] ?? null;
}
