/**
 * Which addresses a webhook may go to. A webhook's address is written by whoever uploads a set, so without this guard the service
 * would knock at any door of its own network: metadata services, databases, localhost. The name is resolved here, every address it
 * has is judged, and the request connects to exactly those (webhook-request.ts): a name that changes its address between check and
 * use changes nothing. Source: OWASP "Server-Side Request Forgery Prevention"; the same ranges as Svix and smokescreen.
 */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { describe } from '../contract/field-error';
import { MAX_WEBHOOK_URL_LENGTH } from '../contract/limits';

export interface AddressRules {
  /** One machine: http and https to loopback, on any port, are allowed as well. Nothing else that is private is. */
  readonly isLocal: boolean;
}

/** Every address of a name. */
export type Resolver = (hostname: string) => Promise<readonly LookupAddress[]>;

/** The operating system's resolver, with its hosts file: what a plain connection would use. */
export const systemResolver: Resolver = (hostname) => lookup(hostname, { all: true });

/** An address that a webhook may not go to. */
export class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress';
}

const PORTS = ['443', '8443'];
/** Answers on Azure's hosts inside every virtual machine; in nobody's list of special ranges. */
const AZURE_PLATFORM = '168.63.129.16';
/** All of IPv6 that is routed publicly; what lies outside embeds IPv4 addresses, is local, or is nobody's. */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * What is wrong with an address as it is written, before any name is resolved.
 * @returns a whole sentence about the field `webhook`, or null.
 */
export function literalAddressProblem(address: string, { isLocal }: AddressRules): string | null {
  const mustBe = (rule: string) => `webhook must be ${rule}, got ${describe(address)}.`;
  if (address.length > MAX_WEBHOOK_URL_LENGTH)
    return mustBe(`an address of at most ${MAX_WEBHOOK_URL_LENGTH} characters`);
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) return mustBe('an https address');
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    return mustBe('an address without user name, password or fragment');
  }
  if (isLocal && isLoopbackHost(url)) return null;
  if (url.protocol === 'http:') {
    return mustBe(isLocal ? 'an https address (plain http only to loopback)' : 'an https address');
  }
  if (isLocalhostName(url.hostname)) return mustBe('at a public address');
  const literal = literalAddress(url);
  if (literal !== null && !isPublic(literal)) return mustBe('at a public address');
  if (url.port !== '' && !PORTS.includes(url.port)) return mustBe(`at port ${PORTS.join(' or ')}`);
  return null;
}

/**
 * Judges an address as written and as it resolves, in one look-up.
 * @returns the addresses that the request may connect to, and no other.
 * @throws ForbiddenAddress; the resolver's own error when the name has no address.
 */
export async function checkAddress(
  address: string,
  rules: AddressRules,
  resolve: Resolver = systemResolver,
): Promise<readonly LookupAddress[]> {
  const problem = literalAddressProblem(address, rules);
  if (problem !== null) throw new ForbiddenAddress(problem);
  const url = new URL(address);
  const literal = literalAddress(url);
  const addresses = literal === null ? await resolve(url.hostname) : [lookupAddress(literal)];
  const isAllowed = rules.isLocal && isLoopbackHost(url) ? isLoopback : isPublic;
  const bad = addresses.find((each) => !isAllowed(each.address));
  if (bad) throw new ForbiddenAddress(`${url.hostname} must resolve to public addresses only, got ${bad.address}.`);
  if (addresses.length === 0) throw new ForbiddenAddress(`${url.hostname} must resolve to an address, got nothing.`);
  return addresses;
}

/** Whether the whole internet may reach this address, once what is embedded in it has been taken out. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast' || parsed.toString() === AZURE_PLATFORM) return false;
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST);
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}

function isLoopbackHost(url: URL): boolean {
  const literal = literalAddress(url);
  return literal === null ? url.hostname === 'localhost' : isLoopback(literal);
}

/** RFC 6761: these names are this machine, whatever a resolver says. */
function isLocalhostName(hostname: string): boolean {
  return /(^|\.)localhost\.?$/.test(hostname);
}

/** The address in the URL itself, or null for a name. URL has turned 2130706433, 0x7f.1 and 0177.0.0.1 into 127.0.0.1 already. */
function literalAddress({ hostname }: URL): string | null {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(bare) ? bare : null;
}

function lookupAddress(address: string): LookupAddress {
  return { address, family: ipaddr.parse(address).kind() === 'ipv4' ? 4 : 6 };
}
