/**
 * Against DNS rebinding: a foreign site can point its own name at this machine and would then be same-origin with the page. Its
 * requests still bear that name in the Host header, so only names that are ours are answered. An address cannot be rebound.
 */
import { hostname } from 'node:os';
import type { MiddlewareHandler } from 'hono';
import ipaddr from 'ipaddr.js';
import type { PageContext } from './page-context';
import { messagePage } from './views/message';

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

export function requireKnownHost({ host, hostNames }: Pick<PageContext, 'host' | 'hostNames'>): MiddlewareHandler {
  const isOnLoopback = host === 'localhost' || (ipaddr.isValid(host) && ipaddr.parse(host).range() === 'loopback');
  const names = new Set([...LOOPBACK_NAMES, host, ...hostNames, ...(isOnLoopback ? [] : [hostname()])]);
  const lowerCaseNames = new Set([...names].map((name) => name.toLowerCase()));
  return async (c, next) => {
    const name = hostNameOf(c.req.header('host'));
    const isKnown = lowerCaseNames.has(name) || (!isOnLoopback && isAddress(name));
    if (!isKnown) return c.html(messagePage('Unknown host', 'This page answers only to its own name.'), 421);
    await next();
  };
}

/** The header without its port, in lower case. */
function hostNameOf(header = ''): string {
  return header.toLowerCase().replace(/:\d*$/, '');
}

function isAddress(name: string): boolean {
  return ipaddr.isValid(name.replace(/^\[(.*)\]$/, '$1'));
}
