/** What the service does, in lines for people: "21:40:07 Job queued. job_id=job-... tenant=acme". */
import type { DeploymentOptions } from '../local/deployment';
import type { Streams } from './streams';

export type Log = NonNullable<DeploymentOptions['log']>;

export function lineLog(stderr: Streams['stderr'], now = () => new Date()): Log {
  const write = (level: string, message: string, about: Record<string, unknown> = {}) => {
    const cells = Object.entries(about).map(([key, value]) => `${key}=${cellText(value)}`);
    const time = now().toISOString().slice(11, 19);
    stderr.write(`${[time, ...(level === '' ? [] : [level]), message, ...cells].join(' ')}\n`);
  };
  return {
    info: (message, about) => write('', message, about),
    warn: (message, about) => write('warning:', message, about),
    error: (message, about) => write('error:', message, about),
  };
}

function cellText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(text);
}
