/** docs/runbook.md has an article for everything that rings, and none for what does not. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Template } from 'aws-cdk-lib/assertions';
import { resourcesOf, stackTemplate } from '../stack-template';
import { articles } from './articles';

const DOCUMENT = readFileSync(path.resolve(__dirname, '../../../docs/runbook.md'), 'utf8');
const ARTICLES = articles(DOCUMENT, 'Alarms');
const TEMPLATE = stackTemplate();
const PARTS = ['Means', 'Look', 'Do', 'Over'];

test('every alarm has its article, and every article something that rings', () => {
  const anchors = linksOf('docs/runbook.md', TEMPLATE).map((link) => link.replace('docs/runbook.md#', ''));
  expect(new Set([...anchors, 'budget'])).toEqual(new Set(ARTICLES.map(({ heading }) => heading)));
});

test('every article says what it means, how to look, what to do, and how to know that it is over', () => {
  for (const { heading, text } of ARTICLES) {
    const parts = [...text.matchAll(/^\*\*(\w+)\.\*\*/gm)].map(([, part]) => part);
    expect([heading, parts]).toEqual([heading, PARTS]);
  }
});

test('a team may keep the runbook elsewhere', () => {
  const url = 'https://wiki.example.com/mv2id/runbook';
  const links = linksOf(url, stackTemplate({ operations: { runbook_url: url } }));
  expect(links).toContain(`${url}#dead-letters-webhooks`);
  expect(links).toHaveLength(linksOf('docs/runbook.md', TEMPLATE).length);
});

test('the numbers of alarms and of metrics that they read', () => {
  const alarms = Object.values(resourcesOf(TEMPLATE, 'AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);
  const metrics = alarms.map(({ Metrics = [{ MetricStat: {} }] }) => {
    return Metrics.filter((metric: { MetricStat?: object }) => metric.MetricStat).length as number;
  });
  expect(alarms).toHaveLength(17);
  expect(DOCUMENT).toContain(`Seventeen alarms, which read ${metrics.reduce((sum, count) => sum + count, 0)} metrics`);
});

test('its commands find the functions and queues by these names', () => {
  const outputs = Object.keys(TEMPLATE.toJSON().Outputs);
  const named = [...DOCUMENT.matchAll(/(?:output|arn_of) ([A-Z]\w+)/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(10);
  expect(outputs).toEqual(expect.arrayContaining(named));

  const functions = Object.keys(resourcesOf(TEMPLATE, 'AWS::Lambda::Function'));
  const stages = new Set([...DOCUMENT.matchAll(/(?:logs_of|function_of) ([A-Z]\w+)/g)].map(([, name]) => name));
  expect(stages).toEqual(new Set(['Validate', 'Submit', 'Track', 'Notify', 'Reconcile']));
  for (const stage of stages) expect(functions.filter((id) => id.startsWith(`${stage}Function`))).toHaveLength(1);

  const rules = Object.keys(resourcesOf(TEMPLATE, 'AWS::Events::Rule'));
  expect(rules.filter((id) => id.startsWith('ReconcileSchedule'))).toHaveLength(1);
});

/** Where the stack sends people. */
function linksOf(start: string, template: Template): string[] {
  const text = JSON.stringify(template.toJSON());
  const found = [...text.matchAll(new RegExp(`What to do: (${start}#[a-z-]+)`, 'g'))].map(([, link]) => link!);
  return [...new Set(found)];
}
