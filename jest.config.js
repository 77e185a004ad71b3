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
  // A realm looks its globals up slowly: the loops over pixels took a hundred times as long without this.
  sandboxInjectedGlobals: ['Math'],
  // Bundles and images that a synthesis left there.
  modulePathIgnorePatterns: ['<rootDir>/out/'],
  testTimeout: 120_000,
  testSequencer: '<rootDir>/test/sequencer.js',
  // Every core: by default Jest leaves one free, which of two is half of them. Modules of many suites stay in a worker's memory.
  maxWorkers: '100%',
  workerIdleMemoryLimit: '1GB',
};
