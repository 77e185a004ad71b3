/** Tests mirror the sources' paths under test/. swc only strips types: `npm run typecheck` checks them. */
module.exports = {
  testEnvironment: '<rootDir>/test/runtime-environment.js',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  // Bundles and images that a synthesis left there.
  modulePathIgnorePatterns: ['<rootDir>/out/'],
  testTimeout: 120_000,
};
