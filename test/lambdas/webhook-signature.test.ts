/** The headers of a try, against a vector made with openssl and against the verifier that receivers use. */
import { Webhook } from 'standardwebhooks';
import { webhookHeaders } from '../../lambdas/webhook-signature';

const OLD = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const NEW = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
const BODY = '{"type":"job.succeeded","timestamp":"2026-11-01T10:00:40.000Z","data":{}}';
const ID = 'evt_job-abcdefghijklmnopqrstuvwxyz_succeeded';
const NOW = new Date('2026-11-01T10:00:41.900Z');

test('a fixed vector', () => {
  expect(webhookHeaders(ID, BODY, { now: NOW, secrets: [OLD] })).toEqual({
    'content-type': 'application/json',
    'user-agent': 'mv2id-webhooks/1',
    'webhook-id': ID,
    'webhook-timestamp': '1793527241',
    'webhook-signature': 'v1,EdQru5m0b6wQwhOD0r4+Pgc6pVAFZM9iG4fT3eTOT1c=',
  });
});

test('while a rotation lasts, either secret verifies; a third does not, nor a changed body', () => {
  const headers = webhookHeaders(ID, BODY, { now: new Date(), secrets: [NEW, OLD] });
  expect(headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}= v1,[A-Za-z0-9+/]{43}=$/);
  for (const secret of [NEW, OLD]) expect(new Webhook(secret).verify(BODY, headers)).toEqual(JSON.parse(BODY));
  const third = new Webhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx');
  expect(() => third.verify(BODY, headers)).toThrow('No matching signature');
  expect(() => new Webhook(OLD).verify(`${BODY} `, headers)).toThrow('No matching signature');
});

test('every try has its own time and signature, under one id', () => {
  const first = webhookHeaders(ID, BODY, { now: NOW, secrets: [OLD] });
  const second = webhookHeaders(ID, BODY, { now: new Date(NOW.getTime() + 5000), secrets: [OLD] });
  expect(second['webhook-id']).toBe(first['webhook-id']);
  expect(second['webhook-timestamp']).toBe('1793527246');
  expect(second['webhook-signature']).not.toBe(first['webhook-signature']);
});
