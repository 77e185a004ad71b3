/**
 * `npm ci` refuses a lockfile that lacks an optional package of another platform, and `npm install` leaves such packages out when
 * their registry does not have them. The entries that are there for this reason have no checksum.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

test('every optional package of every platform has an entry', () => {
  const file = path.resolve(__dirname, '../package-lock.json');
  const packages: Record<string, { optionalDependencies?: Record<string, string> }> = JSON.parse(
    readFileSync(file, 'utf8'),
  ).packages;
  const missing = Object.entries(packages).flatMap(([owner, { optionalDependencies = {} }]) => {
    return Object.keys(optionalDependencies).filter((name) => {
      return !(`node_modules/${name}` in packages) && !(`${owner}/node_modules/${name}` in packages);
    });
  });
  expect(missing).toEqual([]);
});
